//! Where the rank went: live triplets of each adapted module at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::report::data::task::TaskResults;
use crate::report::figures::figure::{figure, open};
use crate::report::figures::style::colour;
use crate::report::html::{escape, fixed};

/// Ranks by (layer, module), one a seed.
type Ranks = BTreeMap<(u64, String), Vec<f64>>;

/// One small map for each method whose adapters say a rank pattern; `None` when none does.
pub fn ranks(task: &TaskResults) -> Option<String> {
    let mut maps = String::new();
    for method in &task.methods {
        let mut ranks = Ranks::new();
        // In the order of the adapter, which is that of the model.
        let mut modules: Vec<&str> = Vec::new();
        for cell in &method.cells {
            for (place, rank) in &cell.rank_pattern {
                if !modules.contains(&place.1.as_str()) {
                    modules.push(&place.1);
                }
                ranks.entry(place.clone()).or_default().push(*rank);
            }
        }
        if ranks.is_empty() {
            continue;
        }
        let id = format!("{}-rank-{}", task.id, method.style);
        let title = format!("Final rank by module: {}", method.method);
        maps.push_str(&figure(&title, &map(&id, &title, &ranks, &modules, &colour(method.style)), "Live triplets of each adapted module at the end, mean over the seeds; rows are layers; the stronger the colour, the more."));
    }
    (!maps.is_empty()).then_some(maps)
}

fn map(id: &str, title: &str, ranks: &Ranks, modules: &[&str], colour: &str) -> String {
    let mut layers: Vec<u64> = ranks.keys().map(|k| k.0).collect();
    layers.dedup();
    let means: BTreeMap<_, f64> = ranks
        .iter()
        .map(|(k, v)| (k, v.iter().sum::<f64>() / v.len() as f64))
        .collect();
    let decimals = usize::from(means.values().any(|m| m.fract() > 0.049));
    let largest = means.values().copied().fold(1e-9, f64::max);
    let (left, top, row) = (34.0, 92.0, 26.0);
    let column = ((460.0 - left - 30.0) / modules.len() as f64).min(64.0);
    let said: Vec<String> = means
        .iter()
        .map(|((l, m), v)| format!("layer {l} {m}: {}", fixed(*v, 1)))
        .collect();
    let mut out = open(
        id,
        title,
        &format!("{}.", said.join("; ")),
        460.0,
        top + row * layers.len() as f64 + 6.0,
    );
    let _ = write!(
        out,
        "<text class=\"t\" x=\"0\" y=\"{:.1}\">layer</text>",
        top - 6.0
    );
    for (j, module) in modules.iter().enumerate() {
        let (x, y) = (left + (j as f64 + 0.5) * column, top - 6.0);
        let _ = write!(
            out,
            "<text class=\"t\" transform=\"translate({x:.1} {y:.1}) rotate(-38)\">{}</text>",
            escape(&short(module))
        );
    }
    for (i, layer) in layers.iter().enumerate() {
        let y = top + i as f64 * row;
        let _ = write!(
            out,
            "<text class=\"t e\" x=\"{:.1}\" y=\"{:.1}\">{layer}</text>",
            left - 8.0,
            y + 17.5
        );
        for (j, module) in modules.iter().enumerate() {
            let Some(mean) = means.get(&(*layer, (*module).to_string())) else {
                continue;
            };
            let x = left + j as f64 * column;
            let _ = write!(
                out,
                "<rect class=\"heat {colour}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill-opacity=\"{:.2}\"/><text class=\"t mid name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + 1.0,
                y + 1.0,
                column - 2.0,
                row - 2.0,
                0.06 + 0.42 * mean / largest,
                x + column / 2.0,
                y + 17.5,
                fixed(*mean, decimals)
            );
        }
    }
    out.push_str("</svg>");
    out
}

/// `attention.self.query` as `query`, `attention.output.dense` as `attention.output`.
fn short(module: &str) -> String {
    let parts: Vec<&str> = module.split('.').filter(|p| *p != "self").collect();
    match parts.as_slice() {
        [.., owner, "dense"] if parts.len() > 2 => format!("attn. {owner}"),
        [owner, "dense"] => (*owner).to_string(),
        [.., last] => (*last).to_string(),
        [] => module.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_names_are_short() {
        assert_eq!(short("attention.self.query"), "query");
        assert_eq!(short("attention.output.dense"), "attn. output");
        assert_eq!(short("intermediate.dense"), "intermediate");
        assert_eq!(short("fc1"), "fc1");
    }
}
