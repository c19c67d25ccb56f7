//! Published numbers: a CSV with the columns `task`, `model`, `mcc` (-1 to 1) and `source`.

use std::collections::BTreeMap;
use std::path::Path;

use lingo_artifact::table;
use lingo_evaluate::Published;

use crate::failure::Error;

/// Reads published numbers, by task.
///
/// # Errors
/// A missing column; a number that is no Matthews correlation coefficient.
pub fn read(path: &Path) -> Result<BTreeMap<String, Vec<Published>>, Error> {
    let t = table::read(path)?;
    let mut by_task: BTreeMap<String, Vec<Published>> = BTreeMap::new();
    let rows = t
        .strings("task")?
        .into_iter()
        .zip(t.strings("model")?)
        .zip(t.strings("mcc")?)
        .zip(t.strings("source")?);
    for (i, (((task, model), mcc), source)) in rows.enumerate() {
        let mcc = mcc
            .parse::<f64>()
            .ok()
            .filter(|m| (-1.0..=1.0).contains(m))
            .ok_or_else(|| {
                let message = format!(
                    "line {}: `{mcc}` is no Matthews correlation (-1 to 1)",
                    i + 2
                );
                lingo_artifact::Error::invalid(path, message)
            })?;
        by_task
            .entry(task)
            .or_default()
            .push(Published { model, mcc, source });
    }
    Ok(by_task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_task_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        let header = "task,model,mcc,source\n";
        std::fs::write(
            &path,
            format!("{header}H3,A,0.7415,\"a, b\"\nH4,A,0.5,c\nH3,B,-0.1,d\n"),
        )
        .unwrap();
        let table = read(&path).unwrap();
        assert_eq!(table["H3"].len(), 2);
        assert_eq!(table["H3"][0].source, "a, b");
        std::fs::write(&path, format!("{header}H3,A,74.15,x\n")).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(
            message.contains("line 2: `74.15` is no Matthews correlation"),
            "{message}"
        );
    }
}
