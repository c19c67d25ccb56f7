//! A model folder that has a `vocab.txt` and no `tokenizer.json`: the k-mers of the Nucleotide Transformer and of DNABERT.
//!
//! Both write one token a line, its number the id. The Nucleotide Transformer's (for transformers' `EsmTokenizer`) has
//! the k-mers and the single letters A, T, C, G, N: k-mers side by side. DNABERT's has k-mers only: overlapping ones.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::scheme::{KmerScheme, MAX_K};

/// The k-mers of a vocabulary, and the `tokenizer.json` that gives its ids and special tokens.
#[derive(Debug)]
pub struct VocabularyFile {
    /// How DNA is cut.
    pub kmers: KmerScheme,
    /// Tokens as words between spaces.
    pub tokenizer_json: Value,
}

impl VocabularyFile {
    /// From the lines of `vocab.txt`; `config` is `tokenizer_config.json`, where there is one.
    ///
    /// # Errors
    /// What is wrong, with the line.
    pub fn read(text: &str, config: Option<&Value>) -> Result<Self, String> {
        let mut ids: HashMap<&str, usize> = HashMap::new();
        for (id, token) in text.lines().map(str::trim).enumerate() {
            if let Some(before) = ids.insert(token, id) {
                let (line, before) = (id + 1, before + 1);
                return Err(format!(
                    "line {line}: `{token}` is on line {before} already"
                ));
            }
        }
        let kmers = kmers(&ids)?;
        let special = |names: [&str; 3]| -> Result<[(String, usize); 3], String> {
            let [unknown, before, after] = names.map(|name| {
                let id = ids.get(name).copied();
                id.map(|id| (name.to_string(), id))
                    .ok_or_else(|| format!("the token `{name}` is missing"))
            });
            Ok([unknown?, before?, after?])
        };
        let bert = ids.contains_key("[UNK]");
        let [unknown, before, after] = if bert {
            special(["[UNK]", "[CLS]", "[SEP]"])?
        } else {
            special(["<unk>", "<cls>", "<eos>"])?
        };
        // The Nucleotide Transformer's models say `"eos_token": null`; EsmTokenizer's own default is <eos>.
        let ends = bert || config.is_none_or(|c| c.get("eos_token") != Some(&Value::Null));
        let added: Vec<Value> = ids
            .iter()
            .filter(|(token, _)| token.starts_with(['[', '<']))
            .map(|(token, id)| {
                json!({"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                       "normalized": false, "special": true})
            })
            .collect();
        let token = |name: &str, kind: u32| json!({"SpecialToken": {"id": name, "type_id": kind}});
        let sequence = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
        let mut single = vec![token(&before.0, 0), sequence("A", 0)];
        if ends {
            single.push(token(&after.0, 0));
        }
        let mut pair = single.clone();
        pair.push(sequence("B", 1));
        if ends {
            pair.push(token(&after.0, 1));
        }
        let named = [&before, &after].map(|(name, id)| {
            (
                name.clone(),
                json!({"id": name, "ids": [id], "tokens": [name]}),
            )
        });
        let named: serde_json::Map<String, Value> = named.into_iter().collect();
        let tokenizer_json = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "post_processor":
                {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": named},
            "decoder": null,
            "model": {"type": "WordLevel", "vocab": ids, "unk_token": unknown.0},
        });
        Ok(Self {
            kmers,
            tokenizer_json,
        })
    }
}

/// Which k-mers there are: all of one length, side by side where single bases are there too.
fn kmers(ids: &HashMap<&str, usize>) -> Result<KmerScheme, String> {
    let is_dna = |t: &&&str| !t.is_empty() && t.bytes().all(|b| b"ACGT".contains(&b));
    let k = ids.keys().filter(is_dna).map(|t| t.len()).max();
    let Some(k) = k.filter(|k| *k <= usize::from(MAX_K)) else {
        return Err(format!(
            "it is not a vocabulary of k-mers of up to {MAX_K} bases; any other vocabulary needs a tokenizer.json: \
             load the model in transformers with a fast tokenizer and save it with `save_pretrained`"
        ));
    };
    let found = ids.keys().filter(is_dna).filter(|t| t.len() == k).count();
    if found != 1 << (2 * k) {
        let all = 1 << (2 * k);
        return Err(format!("it has {found} of the {all} {k}-mers"));
    }
    let single = k > 1 && ["A", "C", "G", "T"].iter().all(|b| ids.contains_key(b));
    let stride = if single { k } else { 1 };
    KmerScheme::new(k as u8, stride as u8).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        VocabularyFile::read(text, None).unwrap_err()
    }

    #[test]
    fn what_is_wrong_is_said() {
        fn t(text: &str, expected: &str) {
            let found = message(text);
            assert!(found.contains(expected), "{found}");
        }
        let bases = "A\nC\nG\nT\n";
        t("", "not a vocabulary of k-mers");
        t("the\nof\n", "tokenizer.json");
        t("ACGTACGTA", "up to 8 bases");
        t("A\nC\nG", "3 of the 4 1-mers");
        t("A\nC\nA", "line 3: `A` is on line 1 already");
        t(bases, "`<unk>` is missing");
        t(&format!("[UNK]\n[CLS]\n{bases}"), "`[SEP]` is missing");
    }
}
