//! Adapters of one task, and what they say of sequences.

use std::borrow::Cow;
use std::path::PathBuf;

use lingo_adapt::{Description, LoadRequest, Models, Predictor};
use lingo_artifact::digest::Digest;
use lingo_artifact::progress::{Silent, StopFlag};
use lingo_artifact::readings::{ReadingError, Readings};
use lingo_artifact::tokens::TokenRow;
use lingo_artifact::{Label, LabelKind};
use lingo_ingest::Genome;
use lingo_tokenize::nucleotide::letters;
use lingo_tokenize::{Encoded, Encoder};
use lingo_workflow::{Error, Kind};
use rayon::prelude::*;

use super::items::Row;
use crate::adapter::described;
use crate::arguments::Predict;
use crate::base_model::model_of_run;
use crate::device::device;

/// One adapter with what its sequences go through.
struct Member {
    predictor: Predictor,
    /// None where no language model is read.
    encoder: Option<Encoder>,
}

/// One adapter, or several of one task.
pub struct Ensemble {
    members: Vec<Member>,
}

/// What the adapters say of a piece of rows.
pub struct Said {
    /// Of each row the logits of each adapter.
    pub logits: Vec<f32>,
    /// How many rows were longer than an adapter reads.
    pub truncated: u32,
    /// Tokens that were read.
    pub tokens: usize,
}

impl Ensemble {
    /// Loads the adapters; those on one base share it.
    ///
    /// # Errors
    /// One that cannot be loaded; adapters of different tasks.
    pub fn load(arguments: &Predict) -> Result<Self, Error> {
        let device = device(&arguments.device)?;
        let described: Vec<(&PathBuf, Description)> = arguments
            .adapter
            .iter()
            .map(|adapter| {
                let model = arguments.model.as_deref();
                let description = described(adapter, model, &arguments.classes)?;
                Ok((adapter, description))
            })
            .collect::<Result<_, Error>>()?;
        if let [(first, of_first), others @ ..] = described.as_slice()
            && let Some((other, of_other)) = others.iter().find(|o| o.1.labels != of_first.labels)
        {
            let message = format!(
                "--adapter {}: it predicts {}, but {} predicts {}; only adapters of one task can be averaged",
                other.display(),
                of_other.labels,
                first.display(),
                of_first.labels
            );
            return Err(Error::stage(Kind::Usage, message));
        }
        let models = Models::default();
        let mut members = Vec::new();
        for (adapter, description) in &described {
            let mut model = arguments.model.clone();
            let named = description.base_model.as_ref().map(|base| &base.name);
            if let Some(name) = named.filter(|_| model.is_none())
                && lingo_adapt::base_folder(adapter, description, None).is_err()
            {
                model = model_of_run(adapter, name);
            }
            let model = model.as_deref();
            let encoder = match named {
                None => None,
                Some(_) => {
                    let base = lingo_adapt::base_folder(adapter, description, model)?;
                    let tokenizer = model.unwrap_or(&base);
                    Some(Encoder::from_encoding(&description.encoding, tokenizer)?)
                }
            };
            let is_left_to_peft = Description::is_left_to_peft(adapter);
            members.push(Member {
                predictor: Predictor::load(&LoadRequest {
                    adapter,
                    model,
                    described: is_left_to_peft.then_some(description),
                    device,
                    merge: arguments.merge,
                    models: &models,
                })?,
                encoder,
            });
        }
        Ok(Self { members })
    }

    /// How many adapters there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// What they predict.
    pub fn labels(&self) -> &LabelKind {
        static NONE: LabelKind = LabelKind::Regression;
        let first = self.members.first();
        first.map_or(&NONE, |m| &m.predictor.description().labels)
    }

    /// The same for the same logits of the same rows.
    pub fn identity(&self) -> Vec<Digest> {
        let members = self.members.iter();
        members.map(|m| m.predictor.identity()).collect()
    }

    /// The fewest tokens that one of them reads.
    pub fn max_length(&self) -> u32 {
        let members = self.members.iter();
        let lengths = members.map(|m| m.predictor.description().encoding.max_length);
        lengths.min().unwrap_or(0)
    }

    /// What the adapters say of rows.
    ///
    /// # Errors
    /// A row that cannot be read; [`lingo_adapt::Error::Stopped`] once the stop flag is raised.
    pub fn logits(
        &self,
        rows: &[Row],
        genome: Option<&Genome>,
        stop: &StopFlag,
    ) -> Result<Said, Error> {
        let outputs = self.labels().outputs();
        let mut said = Said {
            logits: vec![0.0; rows.len() * self.len() * outputs],
            truncated: 0,
            tokens: 0,
        };
        let mut tokens: Vec<TokenRow> = Vec::new();
        let mut made_by: Option<&Encoder> = None;
        for (number, member) in self.members.iter().enumerate() {
            let encoder = member.encoder.as_ref();
            // Adapters that read the same tokens get the same tokens.
            let is_known = match (made_by, encoder) {
                (Some(one), Some(other)) => one.encoding() == other.encoding(),
                _ => false,
            };
            if !is_known {
                let encoded = encode(rows, encoder, genome)?;
                let truncated = encoded.iter().filter(|one| one.truncated()).count();
                said.truncated = said.truncated.max(truncated as u32);
                tokens = self.tokens(rows, encoded);
                made_by = encoder;
            }
            said.tokens += tokens.iter().map(|row| row.input_ids.len()).sum::<usize>();
            let bases = BasesOfRows {
                rows,
                genome,
                encoder,
            };
            let logits = member
                .predictor
                .logits(&tokens, Some(&bases), &Silent, stop)?;
            let all = said.logits.chunks_mut(self.len() * outputs);
            for (to, from) in all.zip(logits.chunks(outputs)) {
                to[number * outputs..][..outputs].copy_from_slice(from);
            }
        }
        Ok(said)
    }

    fn tokens(&self, rows: &[Row], encoded: Vec<Encoded>) -> Vec<TokenRow> {
        let ids = encoded.into_iter().map(|one| one.ids);
        let ids = ids.chain(std::iter::repeat(Vec::new()));
        let tokens = rows.iter().zip(ids).map(|(row, input_ids)| TokenRow {
            id: row.id.clone(),
            split: row.split,
            label: no_label(self.labels()),
            input_ids,
        });
        tokens.collect()
    }
}

/// The tokens of rows; the bases of a genome are looked at only here, and go to tokens with no text in between.
fn encode(
    rows: &[Row],
    encoder: Option<&Encoder>,
    genome: Option<&Genome>,
) -> Result<Vec<Encoded>, Error> {
    let Some(encoder) = encoder else {
        return Ok(Vec::new());
    };
    rows.par_iter()
        .with_min_len(64)
        .map(|row| match &row.text {
            Some((first, second)) => Ok(encoder.encode_pair(first, second.as_deref())?),
            None => Ok(encoder.encode_letters(&row.bases(genome)?, None)?),
        })
        .collect()
}

/// The rows' sequences, for adapters that read bases or both strands.
struct BasesOfRows<'a> {
    rows: &'a [Row],
    genome: Option<&'a Genome>,
    encoder: Option<&'a Encoder>,
}

impl Readings for BasesOfRows<'_> {
    fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError> {
        let row = self.rows.get(row).ok_or("there is no such row")?;
        let second = row.text.iter().filter_map(|(_, second)| second.as_ref());
        let mut bases = vec![row.bases(self.genome).map_err(Box::new)?];
        bases.extend(second.map(|s| letters(s)));
        Ok(bases)
    }

    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
        let encoder = self.encoder.ok_or("the adapter has no encoding")?;
        let [first, rest @ ..] = sequences else {
            return Err("there is no sequence to encode".into());
        };
        let second = rest.first().map(Vec::as_slice);
        Ok(encoder.encode_letters(first, second)?.ids)
    }
}

/// A label that nobody looks at.
fn no_label(kind: &LabelKind) -> Label {
    match kind {
        LabelKind::Classes(_) => Label::Class(0),
        LabelKind::Multilabel(names) => Label::Multi(vec![0; names.len()]),
        LabelKind::Regression => Label::Value(0.0),
    }
}
