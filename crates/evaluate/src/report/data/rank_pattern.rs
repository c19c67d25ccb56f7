//! The ranks that an exported adapter says it has.

use std::path::Path;

/// The rank pattern of an exported adapter, when its `adapter_config.json` has one: live triplets by (layer, module).
pub fn read(adapter: &Path) -> Vec<((u64, String), f64)> {
    let Ok(config) = lingo_artifact::atomic::read_json::<serde_json::Value>(
        &adapter.join("adapter_config.json"),
    ) else {
        return Vec::new();
    };
    let Some(pattern) = config.get("rank_pattern").and_then(|p| p.as_object()) else {
        return Vec::new();
    };
    pattern
        .iter()
        .filter_map(|(name, mask)| Some((place(name)?, live(mask)?)))
        .collect()
}

fn live(mask: &serde_json::Value) -> Option<f64> {
    match mask {
        serde_json::Value::Array(flags) => {
            Some(flags.iter().filter(|f| f.as_bool() == Some(true)).count() as f64)
        }
        serde_json::Value::Number(rank) => rank.as_f64(),
        _ => None,
    }
}

/// `base_model.model.bert.encoder.layer.3.attention.self.query.lora_E` as layer 3, `attention.self.query`.
fn place(name: &str) -> Option<(u64, String)> {
    let name = name.strip_suffix(".lora_E").unwrap_or(name);
    let parts: Vec<&str> = name.split('.').collect();
    let at = parts.iter().position(|p| p.parse::<u64>().is_ok())?;
    Some((parts[at].parse().ok()?, parts[at + 1..].join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_read_by_layer_and_module() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), []);
        let text = r#"{"rank_pattern": {"base_model.model.bert.encoder.layer.3.attention.self.query.lora_E": [true, false, true], "odd": [true]}}"#;
        std::fs::write(folder.path().join("adapter_config.json"), text).unwrap();
        assert_eq!(
            read(folder.path()),
            [((3, "attention.self.query".to_string()), 2.0)]
        );
    }
}
