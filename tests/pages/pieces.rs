//! Every pipeline in the pages is read by the program, and so is every piece of one, in a frame around it.

use std::fs;
use std::path::Path;

use lingo_workflow::pipeline::file::schema;
use serde_json::{Value, json};

use crate::pages::shelf::run;
use crate::pages::{blocks, spans, written};

/// The name of a pipeline's run; nothing where the block is only a piece of a pipeline.
pub fn name_of(block: &str) -> Option<String> {
    if !block.starts_with("lingo:") {
        return None;
    }
    let pipeline: Value = serde_yaml::from_str(block).unwrap();
    Some(pipeline["name"].as_str().unwrap().to_string())
}

/// The program reads the file, and nothing is wrong with it but that its files are elsewhere.
fn is_read(folder: &Path, place: &Path, text: &str) {
    fs::write(folder.join("page.yaml"), text).unwrap();
    let ran = run(folder, &["validate", "page.yaml"]);
    let place = place.display();
    assert_eq!(ran.code, 3, "{place}: {text}\n{}", ran.stderr);
    assert!(ran.stderr.contains("missing"), "{place}: {}", ran.stderr);
}

/// A pipeline around a piece.
fn frame() -> Value {
    json!({
        "lingo": 1,
        "model": { "path": "model" },
        "tasks": { "t": { "ingest": {
            "source": { "bed": { "fasta": "g.fa", "beds": ["a.bed"], "label": { "column": 5 } } },
            "split": { "ratios": { "train": 0.8, "dev": 0.1, "test": 0.1 } },
        } } },
        "tokenize": { "scheme": "base" },
        "methods": { "m": { "lora": {} } },
    })
}

/// The definitions in the schema that list keys of a pipeline; none is the pipeline itself. A key that several list
/// is taken for the first one's.
const PLACES: [&str; 11] = [
    "",
    "TaskSection",
    "IngestConfig",
    "Source",
    "PartialTrainConfig",
    "PartialTokenizeConfig",
    "PartialEvaluateConfig",
    "MethodSection",
    "Lora",
    "Adalora",
    "AdaptiveRankSampling",
];

/// The keys that a definition of the schema lists.
pub fn keys_of(definition: &Value) -> Vec<String> {
    let variants = definition["oneOf"].as_array().into_iter().flatten();
    let with = [definition].into_iter().chain(variants);
    with.filter_map(|d| d["properties"].as_object())
        .flat_map(|properties| properties.keys().cloned())
        .collect()
}

/// The definition of a name in the schema; the whole pipeline for none.
pub fn definition<'a>(schema: &'a Value, name: &str) -> &'a Value {
    match name {
        "" => schema,
        name => schema["$defs"]
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not in the schema")),
    }
}

/// A pipeline with the piece where its key belongs; nothing where no place has the key.
fn framed(schema: &Value, key: &str, piece: &Value) -> Option<Value> {
    let lists = |name: &&&str| keys_of(definition(schema, name)).iter().any(|k| k == key);
    let place = PLACES.iter().find(lists)?;
    let mut pipeline = frame();
    let alone = json!({ key: piece });
    match *place {
        "" => pipeline[key] = piece.clone(),
        "TaskSection" => pipeline["tasks"]["t"][key] = piece.clone(),
        "IngestConfig" => pipeline["tasks"]["t"]["ingest"][key] = piece.clone(),
        // Some sources have splits of their own.
        "Source" if own_splits(piece) => {
            pipeline["tasks"]["t"]["ingest"] = json!({ "source": alone });
        }
        "Source" => pipeline["tasks"]["t"]["ingest"]["source"] = alone,
        "PartialTrainConfig" => pipeline["train"] = alone,
        "PartialTokenizeConfig" => pipeline["tokenize"][key] = piece.clone(),
        "PartialEvaluateConfig" => pipeline["evaluate"] = alone,
        "MethodSection" => pipeline["methods"]["m"] = alone,
        "Lora" => pipeline["methods"]["m"] = json!({ "lora": alone }),
        "Adalora" => pipeline["methods"]["m"] = json!({ "adalora": alone }),
        _ => pipeline["methods"]["m"] = json!({ "adaptive_rank_sampling": alone }),
    }
    Some(pipeline)
}

/// How a site's file begins on a page: `submit` reads it, on the page itself.
pub const SITE: &str = "# site.yaml\n";

/// Whether a source says itself which rows are of which split.
fn own_splits(source: &Value) -> bool {
    let tables = source["tables"].as_array().into_iter().flatten();
    source.get("train").is_some() || tables.into_iter().any(|t| t.get("split").is_some())
}

#[test]
fn every_pipeline_in_the_pages_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for page in written() {
        let text = fs::read_to_string(&page).unwrap();
        for block in blocks(&text, "yaml")
            .iter()
            .filter(|b| name_of(b).is_some())
        {
            is_read(folder.path(), &page, block);
            checked += 1;
        }
    }
    assert!(checked > 0);
}

#[test]
fn every_piece_of_a_pipeline_in_the_pages_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let schema = schema();
    let (mut in_blocks, mut in_sentences) = (0, 0);
    for page in written() {
        let text = fs::read_to_string(&page).unwrap();
        for block in blocks(&text, "yaml")
            .iter()
            .filter(|b| name_of(b).is_none() && !b.starts_with(SITE))
        {
            let pieces: Value = serde_yaml::from_str(block).unwrap();
            for (key, piece) in pieces.as_object().unwrap() {
                let pipeline = framed(&schema, key, piece)
                    .unwrap_or_else(|| panic!("{}: no place for `{key}`", page.display()));
                is_read(folder.path(), &page, &pipeline.to_string());
                in_blocks += 1;
            }
        }
        // `on_leak: drop` within a sentence, where its key is one of a pipeline.
        for span in spans(&text).into_iter().filter(|span| span.contains(": ")) {
            let Ok(Value::Object(pieces)) = serde_yaml::from_str(span) else {
                continue;
            };
            for (key, piece) in &pieces {
                if let Some(pipeline) = framed(&schema, key, piece) {
                    is_read(folder.path(), &page, &pipeline.to_string());
                    in_sentences += 1;
                }
            }
        }
    }
    assert!(in_blocks >= 5, "{in_blocks} pieces in blocks");
    assert!(in_sentences >= 5, "{in_sentences} pieces in sentences");
}
