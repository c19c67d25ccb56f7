//! The features of a model folder.

use std::ops::RangeInclusive;
use std::path::Path;

use lingo_artifact::atomic;
use lingo_artifact::model_folder::ModelFolder;
use lingo_design::features::language_model::{LanguageModel, TokenRows};
use lingo_lm::{DeviceChoice, Model, Packing, Precision, open_device};
use lingo_tokenize::scheme::KmerScheme;
use lingo_tokenize::{ModelVocabulary, Scheme};
use serde_json::Value;

use crate::failure::{Error, Kind};

/// What of a model is asked for.
pub(super) struct Wanted<'a> {
    /// Its folder.
    pub folder: &'a Path,
    /// The tokens that the file asks for.
    pub tokens: Option<&'a Scheme>,
    /// The seed of random weights, instead of the folder's.
    pub random: Option<u64>,
    /// Whether both strands are read.
    pub both_strands: bool,
    /// Bases of the shortest and of the longest sequence.
    pub lengths: RangeInclusive<usize>,
    /// What computes.
    pub device: DeviceChoice,
}

/// Loads a model for its features.
///
/// # Errors
/// A folder that cannot be read; tokens that have no soft form, or that the model does not have.
pub(super) fn features(wanted: &Wanted) -> Result<LanguageModel, Error> {
    let tokens = tokens(wanted.folder, wanted.tokens)?;
    let device = open_device(wanted.device)?.autodiff();
    let packing = Packing {
        precision: Precision::F32,
        quantization: None,
        gradients: true,
    };
    let model = match wanted.random {
        None => Model::load_packed(wanted.folder, &device, packing)?,
        Some(seed) => {
            let config = lingo_lm::ModelConfig::read(wanted.folder)?;
            let mut model = Model::random(config, seed, &device)?;
            model.pack(packing)?;
            model
        }
    };
    let features = LanguageModel::new(model, tokens, wanted.both_strands, wanted.lengths.clone());
    Ok(features?)
}

/// Where DNA stands in a model's vocabulary.
pub(super) fn tokens(folder: &Path, scheme: Option<&Scheme>) -> Result<TokenRows, Error> {
    let vocabulary = ModelVocabulary::load(folder)?;
    let bad =
        |problem: String| Error::stage(Kind::Usage, format!("{}: {problem}", folder.display()));
    let kmers = match scheme {
        Some(Scheme::Kmer(kmers)) => *kmers,
        Some(Scheme::Base) => KmerScheme::new(1, 1)?,
        Some(Scheme::Bpe(_)) => return Err(bad(BPE.into())),
        Some(Scheme::Model) | None => match vocabulary.kmers {
            Some(kmers) => kmers,
            None => own(folder, &vocabulary).map_err(bad)?,
        },
    };
    let letters = || vocabulary.letter_rows();
    let row = |text: &String| {
        let found = vocabulary.row(text);
        found
            .or_else(|| vocabulary.row(&text.to_lowercase()))
            .ok_or_else(|| {
                bad(format!(
                    "the model has no token `{text}`; `tokens: base` reads single bases"
                ))
            })
    };
    let texts = kmers.texts();
    let count = kmers.kmers() as usize;
    let rows = match kmers.k() {
        1 => letters().map_err(bad)?[..4].to_vec(),
        _ => texts[..count].iter().map(row).collect::<Result<_, _>>()?,
    };
    let singles = match kmers.has_single_bases() {
        true => {
            let [a, c, g, t, _] = letters().map_err(bad)?;
            Some([a, c, g, t])
        }
        false => None,
    };
    Ok(TokenRows {
        k: kmers.k(),
        stride: kmers.stride(),
        kmers: rows,
        singles,
        before: vocabulary.frame.before.clone(),
        after: vocabulary.frame.after.clone(),
    })
}

const BPE: &str = "merged tokens (BPE) depend on all letters around them, so a soft base has no soft token: take a model of \
                   k-mers or of single bases";

/// The tokens of a model that says nothing of k-mers: the longest k-mers, side by side, of which it has all; single
/// letters, where it is a model of text.
fn own(folder: &Path, vocabulary: &ModelVocabulary) -> Result<KmerScheme, String> {
    let file = ModelFolder::new(folder).tokenizer();
    let json: Value = atomic::read_json(&file).map_err(|e| e.to_string())?;
    if json.pointer("/model/type").and_then(Value::as_str) == Some("BPE") {
        return Err(BPE.into());
    }
    let of = |k: u8, stride: u8| KmerScheme::new(k, stride).map_err(|e| e.to_string());
    for k in (2..=6).rev() {
        let scheme = of(k, k)?;
        let texts = scheme.texts();
        let mut kmers = texts[..scheme.kmers() as usize].iter();
        if kmers.all(|text| vocabulary.row(text).is_some()) {
            return Ok(scheme);
        }
    }
    of(1, 1)
}
