//! One sequence, or a pair, as `input_ids`: scheme, vocabulary map, language prefix and special tokens joined.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use lingo_artifact::vocabulary::Encoding;

use crate::bpe::Bpe;
use crate::config::{TokenizeConfig, VocabularyMap};
use crate::dna::dna_tokenizer::DnaTokenizer;
use crate::encoding::language_prefix::LanguagePrefix;
use crate::error::Error;
use crate::nucleotide::letters;
use crate::scheme::Scheme;
use crate::vocabulary::embedding_rows::EmbeddingRows;
use crate::vocabulary::model_vocabulary::ModelVocabulary;

/// The families whose pairs are one text under a language prefix: nothing stands between the sequences.
const CAUSAL_FAMILIES: [&str; 7] = [
    "gpt2", "gpt_neox", "llama", "mistral", "opt", "qwen2", "qwen3",
];

/// One encoded example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Rows of the embedding, special tokens and prefix included.
    pub ids: Vec<u32>,
    /// How many tokens there would be without a limit; more than `ids` where DNA was cut off.
    pub full_length: usize,
    /// How many of `ids` stand for DNA.
    pub dna_tokens: u32,
    /// How many of those are unknown to the scheme.
    pub unknown: u32,
    /// Of a pair: what differs was cut off both.
    pub cut_alike: bool,
}

impl Encoded {
    /// Whether DNA was cut off.
    pub fn truncated(&self) -> bool {
        self.full_length > self.ids.len()
    }
}

/// Turns sequences into `input_ids`.
#[derive(Clone)]
pub struct Encoder {
    pub(crate) dna: Dna,
    encoding: Encoding,
}

/// How the DNA itself becomes rows.
#[derive(Clone)]
pub(crate) enum Dna {
    /// By a scheme; the row of each of its ids.
    Scheme(DnaTokenizer, Vec<u32>),
    /// As text, by the model's own tokenizer.
    Text(Box<ModelVocabulary>),
}

impl Encoder {
    /// An encoder whose limit is `max_length`, or else the model's positions.
    ///
    /// `dna` is the trained tokenizer under scheme `bpe`; other schemes need none, and one that is given is used.
    ///
    /// # Errors
    /// [`Error::Prefix`], [`Error::Vocabulary`], [`Error::NoRoom`], [`Error::MaxLength`]; [`Error::Scheme`] when
    /// `bpe` comes without its tokenizer.
    pub fn new(
        model: &ModelVocabulary,
        config: &TokenizeConfig,
        keys: &BTreeMap<String, String>,
        dna: Option<DnaTokenizer>,
    ) -> Result<Self, Error> {
        let dna = dna.or_else(|| DnaTokenizer::of(&config.scheme));
        // Where a model knows k-mers and nothing else, its own tokenizer is our k-mers and its rows.
        let own_kmers = model.kmers.filter(|_| config.scheme == Scheme::Model);
        let dna = own_kmers.map(DnaTokenizer::Kmer).or(dna);
        let (dna, map, tokens, new_rows) = match (dna, &config.scheme) {
            (_, Scheme::Model) if own_kmers.is_none() => {
                if config.vocabulary != VocabularyMap::Reuse {
                    return Err(Error::Vocabulary {
                        map: config.vocabulary.as_str(),
                        scheme: "model".to_string(),
                        message:
                            "the model's own tokens have their rows already; leave `vocabulary` out"
                                .to_string(),
                    });
                }
                (Dna::Text(Box::new(model.clone())), "own", Vec::new(), None)
            }
            (Some(dna), _) => {
                let table = EmbeddingRows::new(&dna, model, config.vocabulary, config.reuse_from)?;
                let tokens = written_tokens(&dna, &table.rows);
                (
                    Dna::Scheme(dna, table.rows),
                    table.map,
                    tokens,
                    table.new_rows,
                )
            }
            (None, scheme) => {
                return Err(Error::Scheme {
                    scheme: scheme.to_string(),
                    message: "it must be trained first".to_string(),
                });
            }
        };
        let mut before = model.frame.before.clone();
        let mut after = model.frame.after.clone();
        let mut between = model.frame.between.clone();
        let mut template = None;
        if let Some(text) = &config.prefix {
            let prefix = LanguagePrefix::resolve(text, keys)?;
            if model.kmers.is_some() {
                return Err(Error::Prefix {
                    template: text.clone(),
                    message: "the model's vocab.txt has k-mers and no words; leave `prefix` out"
                        .to_string(),
                });
            }
            before.extend(model.encode(&prefix.before)?);
            after.splice(0..0, model.encode(&prefix.after)?);
            if CAUSAL_FAMILIES.contains(&model.family.as_str()) {
                between.clear();
            }
            template = Some(prefix.text());
        }
        for ids in [&before, &after, &between] {
            model.check(ids)?;
        }
        let limit = limit(model, config)?;
        let fixed = before.len() + between.len() + after.len();
        if fixed >= limit as usize {
            return Err(Error::NoRoom { fixed, limit });
        }
        let scheme = match &dna {
            Dna::Scheme(dna, _) => dna.scheme()?,
            Dna::Text(_) => Scheme::Model,
        };
        Ok(Self {
            dna,
            encoding: Encoding {
                scheme: scheme.to_string(),
                vocabulary: map.to_string(),
                tokens,
                new_rows,
                template,
                before,
                after,
                between,
                max_length: limit,
                pad: model.pad,
                model_vocab_size: model.vocab_size,
                tokenizer: Some(model.digest),
            },
        })
    }

    /// The encoder that made a data set, again, for new sequences. `model_folder` is read under scheme `model` only.
    ///
    /// # Errors
    /// [`Error::Encoding`] when the stored encoding contradicts itself or the model's tokenizer is another one.
    pub fn from_encoding(encoding: &Encoding, model_folder: &Path) -> Result<Self, Error> {
        check_ids(encoding)?;
        let rows: Vec<u32>;
        let dna = match encoding.scheme.parse::<Scheme>()? {
            Scheme::Model => {
                let model = ModelVocabulary::load(model_folder)?;
                if encoding.tokenizer != Some(model.digest) {
                    return Err(Error::Encoding(format!(
                        "it was made with another tokenizer.json than the one in {}",
                        model_folder.display()
                    )));
                }
                return Ok(Self {
                    dna: Dna::Text(Box::new(model)),
                    encoding: encoding.clone(),
                });
            }
            Scheme::Bpe(scheme) => {
                let merges = encoding.tokens.iter().filter_map(|(text, _)| {
                    let (left, right) = text.split_once(' ')?;
                    Some((left.to_string(), right.to_string()))
                });
                let bpe = Bpe::new(merges.collect(), scheme.vocab_size())?;
                let of: BTreeMap<String, u32> = encoding
                    .tokens
                    .iter()
                    .map(|(text, row)| (text.replace(' ', ""), *row))
                    .collect();
                rows = bpe
                    .texts()
                    .iter()
                    .filter_map(|t| of.get(t))
                    .copied()
                    .collect();
                DnaTokenizer::Bpe(bpe)
            }
            scheme => {
                rows = encoding.tokens.iter().map(|(_, row)| *row).collect();
                DnaTokenizer::of(&scheme).ok_or_else(|| {
                    Error::Encoding(format!("scheme `{scheme}` needs a trained tokenizer"))
                })?
            }
        };
        let same =
            rows.len() == dna.texts().len() && written_tokens(&dna, &rows) == encoding.tokens;
        if !same {
            return Err(Error::Encoding(format!(
                "its tokens are not those of scheme `{}`",
                encoding.scheme
            )));
        }
        Ok(Self {
            dna: Dna::Scheme(dna, rows),
            encoding: encoding.clone(),
        })
    }

    /// The encoding that is stored beside the tokens, so that others can be encoded in the same way.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// The same encoder with another limit on the length.
    #[must_use]
    pub fn with_max_length(mut self, max_length: u32) -> Self {
        self.encoding.max_length = max_length;
        self
    }

    /// One sequence, or a pair. What is too long keeps its middle, of a pair the longer one is cut first; where the middles of
    /// two that differ are the same, what is kept lies around the first difference.
    ///
    /// # Errors
    /// [`Error::Text`], [`Error::OutsideVocabulary`] under scheme `model`.
    pub fn encode_pair(&self, first: &str, second: Option<&str>) -> Result<Encoded, Error> {
        self.encode_letters(&letters(first), second.map(letters).as_deref())
    }

    /// One sequence, or a pair, a byte a base: a slice of a genome needs no text in between.
    ///
    /// # Errors
    /// As [`Encoder::encode_pair`].
    pub fn encode_letters(&self, first: &[u8], second: Option<&[u8]>) -> Result<Encoded, Error> {
        IDS.with_borrow_mut(|[a, b]| {
            a.clear();
            b.clear();
            self.dna.encode(first, a)?;
            if let Some(second) = second {
                self.dna.encode(second, b)?;
            }
            let encoded = self.framed(a, second.map(|_| &b[..]));
            // A chromosome once in a while must not hold memory for good.
            a.shrink_to(MOST_KEPT);
            b.shrink_to(MOST_KEPT);
            Ok(encoded)
        })
    }

    /// The DNA of one sequence or two, cut to fit, with prefix and special tokens around it.
    fn framed(&self, a: &[u32], b: Option<&[u32]>) -> Encoded {
        let e = &self.encoding;
        let between = if b.is_some() { e.between.len() } else { 0 };
        let fixed = e.before.len() + between + e.after.len();
        let room = (e.max_length as usize).saturating_sub(fixed);
        let whole = a.len() + b.map_or(0, <[u32]>::len);
        let (keep_a, keep_b) = match b {
            None => (a.len().min(room), 0),
            Some(b) => shared_room(a.len(), b.len(), room),
        };
        let (cut_a, cut_b, alike) = cut(a, keep_a, b.map(|b| (b, keep_b)));
        let (a, b) = (cut_a, b.map(|_| cut_b));
        let kept = keep_a + keep_b;
        let mut ids = Vec::with_capacity(fixed + kept);
        ids.extend_from_slice(&e.before);
        self.dna.append_rows(a, &mut ids);
        if let Some(b) = b {
            ids.extend_from_slice(&e.between);
            self.dna.append_rows(b, &mut ids);
        }
        ids.extend_from_slice(&e.after);
        let unknown = self.dna.unknown();
        let dna = a.iter().chain(b.into_iter().flatten());
        Encoded {
            ids,
            full_length: fixed + whole,
            dna_tokens: kept as u32,
            cut_alike: alike,
            unknown: dna.filter(|t| Some(**t) == unknown).count() as u32,
        }
    }
}

/// Ids whose storage a thread keeps.
const MOST_KEPT: usize = 1 << 18;

thread_local! {
    /// Ids of the scheme, of one sequence and of its mate: their storage is used again from example to example.
    static IDS: RefCell<[Vec<u32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

impl Dna {
    /// Appends ids of the scheme, or of the model's tokenizer.
    fn encode(&self, sequence: &[u8], ids: &mut Vec<u32>) -> Result<(), Error> {
        match self {
            Self::Scheme(dna, _) => dna.encode_bytes(sequence, ids),
            Self::Text(model) => {
                let text = String::from_utf8_lossy(sequence).to_ascii_uppercase();
                ids.extend(model.encode(&text.replace('U', "T"))?);
                Ok(())
            }
        }
    }

    fn unknown(&self) -> Option<u32> {
        match self {
            Self::Scheme(dna, _) => Some(dna.unknown()),
            Self::Text(model) => model.unknown,
        }
    }

    /// Appends the rows of ids.
    fn append_rows(&self, ids: &[u32], to: &mut Vec<u32>) {
        match self {
            Self::Scheme(_, rows) => to.extend(ids.iter().map(|id| rows[*id as usize])),
            Self::Text(_) => to.extend_from_slice(ids),
        }
    }
}

/// What is kept of one sequence or two; the last says whether two that differed no longer do.
fn cut<'a>(
    a: &'a [u32],
    keep_a: usize,
    b: Option<(&'a [u32], usize)>,
) -> (&'a [u32], &'a [u32], bool) {
    fn around(ids: &[u32], place: usize, keep: usize) -> &[u32] {
        let start = place.saturating_sub(keep / 2).min(ids.len() - keep);
        &ids[start..start + keep]
    }
    // An odd base more is cut off at the end.
    let middle = |ids: &'a [u32], keep: usize| &ids[(ids.len() - keep) / 2..][..keep];
    let Some((b, keep_b)) = b else {
        return (middle(a, keep_a), &[], false);
    };
    let (kept_a, kept_b) = (middle(a, keep_a), middle(b, keep_b));
    if kept_a != kept_b || a == b {
        return (kept_a, kept_b, false);
    }
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (kept_a, kept_b) = (around(a, same, keep_a), around(b, same, keep_b));
    (kept_a, kept_b, kept_a == kept_b)
}

/// How much of each of two sequences stays: tokens go from the longer one, of the second when they are equal.
fn shared_room(a: usize, b: usize, room: usize) -> (usize, usize) {
    if a + b <= room {
        return (a, b);
    }
    let half = room / 2;
    if a <= half {
        (a, room - a)
    } else if b <= half {
        (room - b, b)
    } else {
        (room - half, half)
    }
}

/// Token texts with their rows. A merged token is written as its merge, `left right`, so that the merges stay known.
fn written_tokens(dna: &DnaTokenizer, rows: &[u32]) -> Vec<(String, u32)> {
    let texts = dna.texts();
    let DnaTokenizer::Bpe(bpe) = dna else {
        return texts.into_iter().zip(rows.iter().copied()).collect();
    };
    let row_of: BTreeMap<&str, u32> = texts
        .iter()
        .map(String::as_str)
        .zip(rows.iter().copied())
        .collect();
    let letters = texts.iter().filter(|t| t.len() == 1).cloned();
    let merges = bpe
        .merges()
        .iter()
        .map(|(left, right)| format!("{left} {right}"));
    letters
        .chain(merges)
        .filter_map(|text| {
            let row = *row_of.get(text.replace(' ', "").as_str())?;
            Some((text, row))
        })
        .collect()
}

/// Refuses a stored encoding that uses an id beyond the rows of the model and the new ones.
fn check_ids(e: &Encoding) -> Result<(), Error> {
    let new = e.new_rows.as_ref();
    let rows = u64::from(e.model_vocab_size) + new.map_or(0, |n| n.composition.len() as u64);
    let tokens = e.tokens.iter().map(|(_, row)| row);
    let mut ids = e
        .before
        .iter()
        .chain(&e.after)
        .chain(&e.between)
        .chain(tokens);
    if let Some(id) = ids.find(|id| u64::from(**id) >= rows) {
        return Err(Error::Encoding(format!(
            "it uses id {id}, but model and new rows together have {rows} rows"
        )));
    }
    match new {
        Some(n) if n.composition.iter().flatten().any(|v| *v >= n.trained) => {
            Err(Error::Encoding(format!(
                "a new row is the sum of trained vectors, and one of these is beyond the {} that there are",
                n.trained
            )))
        }
        _ => Ok(()),
    }
}

fn limit(model: &ModelVocabulary, config: &TokenizeConfig) -> Result<u32, Error> {
    match (config.max_length.map(|n| n.get()), model.positions) {
        (Some(max_length), Some(positions)) if max_length > positions => Err(Error::MaxLength {
            max_length,
            positions,
        }),
        (Some(max_length), _) => Ok(max_length),
        (None, positions) => Ok(positions.unwrap_or(u32::MAX)),
    }
}
