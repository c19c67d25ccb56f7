//! `tokenizer.json` files of others, through the crate `tokenizers`, which panics over some that are broken.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;
use tokenizers::Tokenizer;

/// Loads a `tokenizer.json`.
///
/// # Errors
/// What is wrong with it.
pub fn load(text: &[u8]) -> Result<(Tokenizer, Value), String> {
    // Parsed here first, because `tokenizers` panics over some texts that are not valid JSON.
    let value: Value = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    check_merges(&value)?;
    check_template(value.get("post_processor").unwrap_or(&Value::Null))?;
    let tokenizer = guarded(|| Tokenizer::from_bytes(text))?.map_err(|e| e.to_string())?;
    Ok((tokenizer, value))
}

/// Runs `work` of the crate `tokenizers`; its panic is an error.
///
/// # Errors
/// What the panic said.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        format!(
            "the file is broken ({})",
            said.unwrap_or("the reason is not known")
        )
    })
}

/// Refuses merges whose parts, or whose result, are not in the vocabulary: where a part is longer than every token,
/// `tokenizers` writes past the end of its buffer.
fn check_merges(value: &Value) -> Result<(), String> {
    let model = |key: &str| value.get("model").and_then(|model| model.get(key));
    let (Some(Value::Object(vocabulary)), Some(Value::Array(merges))) =
        (model("vocab"), model("merges"))
    else {
        return Ok(());
    };
    let tokens: HashSet<&str> = vocabulary.keys().map(String::as_str).collect();
    let prefix = model("continuing_subword_prefix").and_then(Value::as_str);
    for (i, merge) in merges.iter().enumerate() {
        let parts = match merge {
            Value::String(text) => text.split_once(' '),
            Value::Array(parts) => match &parts[..] {
                [Value::String(left), Value::String(right)] => {
                    Some((left.as_str(), right.as_str()))
                }
                _ => None,
            },
            _ => None,
        };
        let Some((left, right)) = parts else {
            return Err(format!("merge {} is not a pair of tokens: {merge}", i + 1));
        };
        let prefix = prefix.unwrap_or_default();
        let joined = right
            .strip_prefix(prefix)
            .map(|rest| format!("{left}{rest}"));
        let known = joined.is_some_and(|joined| tokens.contains(joined.as_str()));
        if !known || !tokens.contains(left) || !tokens.contains(right) {
            return Err(format!(
                "merge {} joins `{left}` and `{right}`, but one of the two, or the token that they make together, is not in `vocab`",
                i + 1
            ));
        }
    }
    Ok(())
}

/// Refuses a template that uses a special token without defining it: `tokenizers` panics on the missing entry.
fn check_template(processor: &Value) -> Result<(), String> {
    if let Some(Value::Array(processors)) = processor.get("processors") {
        processors.iter().try_for_each(check_template)?;
    }
    let known = processor.get("special_tokens");
    let pieces = ["single", "pair"].map(|key| processor.get(key).and_then(Value::as_array));
    for piece in pieces.into_iter().flatten().flatten() {
        let name = piece.get("SpecialToken").and_then(|token| token.get("id"));
        if let Some(name) = name.and_then(Value::as_str)
            && known.and_then(|known| known.get(name)).is_none()
        {
            return Err(format!(
                "`post_processor` puts the token `{name}` around sequences, but its `special_tokens` do not define it"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_files_are_refused() {
        fn t(text: &str, expected: &str) {
            let message = load(text.as_bytes()).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        t("{", "EOF");
        let bpe =
            |rest: &str| format!(r#"{{"model": {{"type": "BPE", "vocab": {{"A": 0}}, {rest}}}}}"#);
        t(
            &bpe(r#""merges": [["A", "A"]]"#),
            "merge 1 joins `A` and `A`",
        );
        t(&bpe(r#""merges": ["AA"]"#), "merge 1 is not a pair");
        t(
            &bpe(r###""continuing_subword_prefix": "##", "merges": ["A A"]"###),
            "merge 1 joins",
        );
        let template = r#"{"type": "TemplateProcessing", "special_tokens": {},
            "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}], "pair": []}"#;
        for processor in [
            template.to_string(),
            format!(r#"{{"type": "Sequence", "processors": [{template}]}}"#),
            template.replace("\"pair\"", "\"processors\": [], \"pair\""),
        ] {
            t(
                &format!(r#"{{"post_processor": {processor}}}"#),
                "`post_processor` puts the token `[X]` around sequences",
            );
        }
        assert_eq!(guarded(|| 7), Ok(7));
    }
}
