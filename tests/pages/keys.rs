//! Tables of keys: each `key` of the pipeline file stands there with the default that the JSON Schema has.
//!
//! Such a table begins with the column `key`; every column with a name in backticks is a section of the pipeline file,
//! and its cells are the defaults there: a value in backticks, words where the default depends on something, `–` where
//! the section has no such key.

use std::fs;

use lingo_workflow::pipeline::file::schema;
use serde_json::Value;

use crate::pages::pieces::{definition, keys_of};
use crate::pages::root;

/// The pages with such tables, and whether these hold every key of their sections.
const PAGES: [(&str, bool); 3] = [
    ("docs/methods.md", true),
    ("docs/report.md", true),
    ("docs/performance.md", false),
];

/// A table: the lines of a page that begin with a bar, as cells.
fn tables(text: &str) -> Vec<Vec<Vec<&str>>> {
    let mut tables = vec![Vec::new()];
    for line in text.lines() {
        match line
            .strip_prefix("| ")
            .and_then(|rest| rest.strip_suffix(" |"))
        {
            Some(row) => tables
                .last_mut()
                .unwrap()
                .push(row.split(" | ").map(str::trim).collect()),
            // The line below the header.
            None if line.starts_with("|-") => {}
            None => tables.push(Vec::new()),
        }
    }
    tables.retain(|table: &Vec<Vec<&str>>| table.first().is_some_and(|row| row[0] == "key"));
    tables
}

/// What stands in backticks, where the whole cell does.
fn code(cell: &str) -> Option<&str> {
    let inside = cell.strip_prefix('`')?.strip_suffix('`')?;
    (!inside.contains('`')).then_some(inside)
}

/// The section of the pipeline file that a column is about.
fn section<'a>(schema: &'a Value, name: &str) -> &'a Value {
    match name {
        "train" => definition(schema, "PartialTrainConfig"),
        "evaluate" => definition(schema, "PartialEvaluateConfig"),
        method => {
            let methods = definition(schema, "MethodSection")["oneOf"]
                .as_array()
                .unwrap();
            let mut settings = methods.iter().map(|m| &m["properties"][method]["$ref"]);
            let link = settings.find_map(Value::as_str);
            let link = link.unwrap_or_else(|| panic!("`{method}` is no section"));
            schema.pointer(link.trim_start_matches('#')).unwrap()
        }
    }
}

/// Whether a cell is the default.
fn is_default(cell: &str, default: &Value) -> bool {
    match (code(cell), default) {
        // A default that has keys of its own is told in words.
        (None, Value::Null | Value::Object(_)) => true,
        (Some(shown), Value::Number(n)) => shown.parse().ok() == n.as_f64(),
        (Some(shown), Value::String(text)) => shown == text,
        (Some(shown), Value::Bool(flag)) => shown == flag.to_string(),
        _ => false,
    }
}

#[test]
fn tables_of_keys_are_those_of_the_schema() {
    let schema = schema();
    for (page, complete) in PAGES {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let tables = tables(&text);
        assert!(!tables.is_empty(), "{page}");
        for table in tables {
            for (column, name) in table[0].iter().enumerate() {
                let Some(name) = code(name) else { continue };
                let section = section(&schema, name);
                let keys = keys_of(section);
                let mut shown = Vec::new();
                for row in table[1..].iter().filter(|row| row[column] != "–") {
                    let key = code(row[0]).unwrap();
                    assert!(
                        keys.iter().any(|k| k == key),
                        "{page}: `{name}` has no `{key}`"
                    );
                    // `Option`s that are skipped have no default in the schema.
                    let default = section["properties"][key]
                        .get("default")
                        .unwrap_or(&Value::Null);
                    let cell = row[column];
                    assert!(
                        is_default(cell, default),
                        "{page}: `{name}.{key}` is {default}, not {cell}"
                    );
                    shown.push(key.to_string());
                }
                let missing: Vec<&String> = keys.iter().filter(|k| !shown.contains(k)).collect();
                assert!(
                    !complete || missing.is_empty(),
                    "{page}: `{name}` also has {missing:?}"
                );
            }
        }
    }
}
