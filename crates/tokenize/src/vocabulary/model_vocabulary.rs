//! The vocabulary, special tokens and limits of a language model, from its Hugging Face folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lingo_artifact::digest::Digest;
use lingo_artifact::model_folder::ModelFolder;
use serde_json::Value;
use tokenizers::{Token, Tokenizer};

use crate::dna::dna_tokenizer::DnaTokenizer;
use crate::error::Error;
use crate::scheme::KmerScheme;
use crate::special_tokens::SPECIAL_COUNT;
use crate::vocabulary::foreign;
use crate::vocabulary::vocabulary_file::VocabularyFile;

/// What `tokenizer.json` and `config.json` of a model say about its tokens.
#[derive(Clone)]
pub struct ModelVocabulary {
    tokenizer: Tokenizer,
    /// sha256 of tokenizer.json.
    pub digest: Digest,
    /// `model_type` of config.json: `bert`, `opt`, ...
    pub family: String,
    /// Rows of the model's embedding: `vocab_size` of config.json, which may be more than the tokenizer has.
    pub vocab_size: u32,
    /// The longest sequence of tokens, where the model has a limit: `max_position_embeddings`, or GPT-2's `n_positions`.
    pub positions: Option<u32>,
    /// The padding id.
    pub pad: u32,
    /// The id of what the tokenizer does not know.
    pub unknown: Option<u32>,
    /// The id that stands in place of what is hidden, of a model that was trained to tell it.
    pub mask: Option<u32>,
    /// Special tokens, the padding id among them.
    pub special: BTreeSet<u32>,
    /// The special tokens around and between texts, as the tokenizer's post-processor puts them.
    pub frame: Frame,
    /// The k-mers of a model that knows nothing else: DNA goes to it as those.
    pub kmers: Option<KmerScheme>,
    /// True when the tokenizer is one that this program made from a DNA scheme: its ids are rows of the embedding as
    /// they are, and no vocabulary map is needed.
    pub(crate) own: bool,
}

/// Special tokens around and between texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Before the text: `[CLS]`, `</s>`.
    pub before: Vec<u32>,
    /// Between the two texts of a pair: `[SEP]`.
    pub between: Vec<u32>,
    /// Behind the text: `[SEP]`.
    pub after: Vec<u32>,
}

/// Families whose places are counted from behind the padding's row on: they have fewer than their embedding has rows.
const BEHIND_PADDING: [&str; 3] = ["esm", "mpnet", "roberta"];

impl ModelVocabulary {
    /// Reads `tokenizer.json` (padding and truncation switched off) and `config.json` of a model folder; without the
    /// former, a `vocab.txt` of k-mers ([`crate::vocabulary_file`]).
    ///
    /// # Errors
    /// [`Error::Artifact`] when a file cannot be read, [`Error::ModelFile`] when it is not what it should be.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        let files = ModelFolder::new(folder);
        let config_path = files.config();
        let config: Value = lingo_artifact::atomic::read_json(&config_path)?;
        let number = |key: &str| -> Result<Option<u32>, Error> {
            match config.get(key) {
                None | Some(Value::Null) => Ok(None),
                Some(value) => value
                    .as_u64()
                    .and_then(|v| u32::try_from(v).ok())
                    .map(Some)
                    .ok_or_else(|| Error::ModelFile {
                        path: config_path.clone(),
                        message: format!("`{key}` is {value}, where a number of 0 or more belongs"),
                    }),
            }
        };
        let (json, lines) = (files.tokenizer(), files.vocabulary());
        let mut model = if !json.exists() && lines.exists() {
            Self::of_vocabulary_file(&lines)?
        } else {
            Self::of_tokenizer_json(&json)?
        };
        model.vocab_size = number("vocab_size")?.ok_or_else(|| Error::ModelFile {
            path: config_path.clone(),
            message: "`vocab_size` is missing".to_string(),
        })?;
        model.mask = model.mask.filter(|id| *id < model.vocab_size);
        model.positions = match number("max_position_embeddings")? {
            Some(positions) => Some(positions),
            None => number("n_positions")?,
        };
        let pad = number("pad_token_id")?;
        if let Some(pad) = pad {
            model.pad = pad;
            model.special.insert(pad);
        }
        if let Some(family) = config.get("model_type").and_then(Value::as_str) {
            model.family = family.to_string();
        }
        let text = |key: &str| config.get(key).and_then(Value::as_str);
        let are_learnt = text("position_embedding_type").is_none_or(|kind| kind == "absolute");
        if BEHIND_PADDING.contains(&model.family.as_str()) && are_learnt {
            let before = pad.unwrap_or(1) + 1;
            model.positions = model.positions.map(|rows| rows.saturating_sub(before));
        }
        Ok(model)
    }

    /// Reads a `tokenizer.json` alone: as many rows as it has tokens, no limit on the length.
    ///
    /// # Errors
    /// As [`ModelVocabulary::load`].
    pub fn of_tokenizer_json(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path).map_err(lingo_artifact::Error::io("read", path))?;
        Self::from_bytes(&text, path)
    }

    /// Reads a `vocab.txt`, and the `tokenizer_config.json` beside it.
    fn of_vocabulary_file(path: &Path) -> Result<Self, Error> {
        let bad = |message: String| Error::ModelFile {
            path: path.to_path_buf(),
            message,
        };
        let text =
            std::fs::read_to_string(path).map_err(lingo_artifact::Error::io("read", path))?;
        let beside = path.with_file_name("tokenizer_config.json");
        let config: Option<Value> = match beside.exists() {
            true => Some(lingo_artifact::atomic::read_json(&beside)?),
            false => None,
        };
        let file = VocabularyFile::read(&text, config.as_ref()).map_err(bad)?;
        let mut model = Self::from_bytes(file.tokenizer_json.to_string().as_bytes(), path)?;
        model.kmers = Some(file.kmers);
        model.digest = Digest::of_bytes(text.as_bytes());
        Ok(model)
    }

    /// The vocabulary of a DNA scheme itself: the ids of its exported `tokenizer.json` are the rows.
    ///
    /// # Errors
    /// [`Error::Encoding`], [`Error::ModelFile`]: no scheme causes them.
    pub fn of_scheme(dna: &DnaTokenizer) -> Result<Self, Error> {
        let mut model =
            Self::from_bytes(dna.to_json()?.as_bytes(), &PathBuf::from("tokenizer.json"))?;
        model.own = true;
        model.vocab_size = SPECIAL_COUNT + dna.texts().len() as u32;
        Ok(model)
    }

    /// From the bytes of a `tokenizer.json`; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::ModelFile`].
    pub fn from_bytes(text: &[u8], path: &Path) -> Result<Self, Error> {
        let bad = |message: String| Error::ModelFile {
            path: path.to_path_buf(),
            message,
        };
        let (mut tokenizer, value) = foreign::load(text)
            .map_err(|e| bad(format!("it cannot be used as a tokenizer.json: {e}")))?;
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|e| bad(e.to_string()))?;
        let unknown = match value.pointer("/model/unk_token").and_then(Value::as_str) {
            Some(token) => tokenizer.token_to_id(token),
            None => value
                .pointer("/model/unk_id")
                .and_then(Value::as_u64)
                .and_then(|id| u32::try_from(id).ok()),
        };
        let special: BTreeSet<u32> = tokenizer
            .get_added_tokens_decoder()
            .into_iter()
            .filter_map(|(id, token)| token.special.then_some(id))
            .collect();
        let pad = ["[PAD]", "<pad>"]
            .iter()
            .find_map(|t| tokenizer.token_to_id(t))
            .unwrap_or(0);
        let mask = ["[MASK]", "<mask>"]
            .iter()
            .find_map(|t| tokenizer.token_to_id(t));
        let largest = tokenizer.get_vocab(true).into_values().max();
        let frame = Frame::of(&tokenizer)?;
        Ok(Self {
            digest: Digest::of_bytes(text),
            family: String::new(),
            vocab_size: largest.map_or(0, |id| id.saturating_add(1)),
            positions: None,
            pad,
            unknown,
            mask,
            special,
            frame,
            kmers: None,
            own: false,
            tokenizer,
        })
    }

    /// A text as ids, without special tokens around it.
    ///
    /// # Errors
    /// [`Error::Text`]; [`Error::OutsideVocabulary`] when config.json promises fewer rows.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let ids = encode_plain(&self.tokenizer, text)?;
        self.check(&ids)?;
        Ok(ids)
    }

    /// The text of ids.
    ///
    /// # Errors
    /// [`Error::Text`].
    pub fn decode(&self, ids: &[u32]) -> Result<String, Error> {
        self.tokenizer.decode(ids, false).map_err(|e| Error::Text {
            text: format!("{:?}", ids.get(..8).unwrap_or(ids)),
            message: e.to_string(),
        })
    }

    /// The text of one token.
    pub fn token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }

    /// Refuses ids for which the model's embedding has no row.
    ///
    /// # Errors
    /// [`Error::OutsideVocabulary`].
    pub(crate) fn check(&self, ids: &[u32]) -> Result<(), Error> {
        match ids.iter().find(|id| **id >= self.vocab_size) {
            Some(id) => Err(Error::OutsideVocabulary {
                id: *id,
                vocab_size: self.vocab_size,
            }),
            None => Ok(()),
        }
    }

    /// The row of a token, when the tokenizer has it and the model has a row for it.
    pub fn row(&self, token: &str) -> Option<u32> {
        self.tokenizer
            .token_to_id(token)
            .filter(|id| *id < self.vocab_size)
    }

    /// The rows of A, C, G, T, N: the tokens `a c g t n`, or `A C G T N` where the model has no lower-case ones.
    /// Without a token for N, what is unknown stands for it.
    ///
    /// # Errors
    /// The letters that have no token of their own.
    pub fn letter_rows(&self) -> Result<[u32; 5], String> {
        let in_case = |letters: [&str; 5]| -> Result<[u32; 5], Vec<String>> {
            let [a, c, g, t, n] = letters.map(|l| self.row(l).ok_or_else(|| l.to_string()));
            let n = n.or_else(|n| self.unknown.ok_or(n));
            match (a, c, g, t, n) {
                (Ok(a), Ok(c), Ok(g), Ok(t), Ok(n)) => Ok([a, c, g, t, n]),
                (a, c, g, t, n) => Err([a, c, g, t, n]
                    .into_iter()
                    .filter_map(Result::err)
                    .collect()),
            }
        };
        in_case(["a", "c", "g", "t", "n"]).or_else(|missing| {
            in_case(["A", "C", "G", "T", "N"]).map_err(|_| {
                format!(
                    "the model's tokenizer has no token for {}, in either case",
                    missing.join(", ")
                )
            })
        })
    }
}

fn encode_plain(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, Error> {
    ids(text, || tokenizer.encode_fast(text, false))
}

/// The ids of what `encode` makes of a text.
fn ids(
    text: &str,
    encode: impl FnOnce() -> tokenizers::Result<tokenizers::Encoding>,
) -> Result<Vec<u32>, Error> {
    let encoding = foreign::guarded(encode).and_then(|found| found.map_err(|e| e.to_string()));
    let encoding = encoding.map_err(|message| Error::Text {
        text: text.chars().take(40).collect(),
        message,
    })?;
    Ok(encoding.get_ids().to_vec())
}

impl Frame {
    /// The special tokens that the tokenizer's post-processor puts around one text, and between two.
    fn of(tokenizer: &Tokenizer) -> Result<Self, Error> {
        // Ids that no vocabulary has stand for the texts: a tokenizer may have no token for any text one could think of.
        const TEXTS: [u32; 2] = [u32::MAX, u32::MAX - 1];
        let text = |of: usize| {
            let token = Token::new(TEXTS[of], "A".to_string(), (0, 1));
            tokenizers::Encoding::from_tokens(vec![token], of as u32)
        };
        let framed = |pair| ids("A", || tokenizer.post_process(text(0), pair, true));
        let place = |ids: &[u32], of: usize| ids.iter().position(|id| *id == TEXTS[of]);
        let one = framed(None)?;
        let Some(first) = place(&one, 0) else {
            return Ok(Self::default());
        };
        let two = framed(Some(text(1)))?;
        let between = match (place(&two, 0), place(&two, 1)) {
            (Some(a), Some(b)) if two[..a] == one[..first] && a < b => two[a + 1..b].to_vec(),
            _ => Vec::new(),
        };
        Ok(Self {
            before: one[..first].to_vec(),
            after: one[first + 1..].to_vec(),
            between,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_tokens_stand_where_the_tokenizer_puts_them_whatever_texts_it_knows() {
        fn t(text: &str, model: &str) {
            let json = format!(
                r#"{{"model": {model}, "post_processor": {{"type": "TemplateProcessing",
                "single": [{{"SpecialToken": {{"id": "[CLS]", "type_id": 0}}}}, {{"Sequence": {{"id": "A", "type_id": 0}}}},
                {{"SpecialToken": {{"id": "[SEP]", "type_id": 0}}}}],
                "pair": [{{"SpecialToken": {{"id": "[CLS]", "type_id": 0}}}}, {{"Sequence": {{"id": "A", "type_id": 0}}}},
                {{"SpecialToken": {{"id": "[SEP]", "type_id": 0}}}}, {{"SpecialToken": {{"id": "[SEP]", "type_id": 0}}}},
                {{"Sequence": {{"id": "B", "type_id": 1}}}}, {{"SpecialToken": {{"id": "[SEP]", "type_id": 1}}}}],
                "special_tokens": {{"[CLS]": {{"id": "[CLS]", "ids": [7], "tokens": ["[CLS]"]}},
                "[SEP]": {{"id": "[SEP]", "ids": [8], "tokens": ["[SEP]"]}}}}}}}}"#
            );
            let found = ModelVocabulary::from_bytes(json.as_bytes(), Path::new("t.json")).unwrap();
            let (tokenizer, _) = foreign::load(json.as_bytes()).unwrap();
            let dna = encode_plain(&tokenizer, text).unwrap();
            assert!(!dna.is_empty());
            let Frame {
                before,
                after,
                between,
            } = &found.frame;
            let one = tokenizer.encode(text, true).unwrap();
            assert_eq!(
                one.get_ids(),
                [before, &dna, after].map(|ids| &ids[..]).concat()
            );
            let two = tokenizer.encode((text, text), true).unwrap();
            let parts = [before, &dna, between, &dna, after].map(|ids| &ids[..]);
            assert_eq!(two.get_ids(), parts.concat());
        }
        // Without an unknown token a lower-case letter is no token at all.
        t(
            "ACGT",
            r#"{"type": "BPE", "vocab": {"A": 0, "C": 1, "G": 2, "T": 3}, "merges": []}"#,
        );
        let known = r#""A": 0, "C": 1, "G": 2, "T": 3, "?": 4"#;
        t(
            "ACGT",
            &format!(r#"{{"type": "BPE", "vocab": {{{known}}}, "merges": [], "unk_token": "?"}}"#),
        );
        t(
            "GATTACA",
            r#"{"type": "WordLevel", "vocab": {"GATTACA": 5, "?": 6}, "unk_token": "?"}"#,
        );
    }
}
