//! DNA without labels as the rows of a task, whose labels are the tokens themselves.

use std::borrow::Cow;

use lingo_artifact::progress::StopFlag;
use lingo_artifact::random::Stream;
use lingo_artifact::readings::{ReadingError, Readings};
use lingo_artifact::sequence_source::SequenceSource;
use lingo_artifact::tokens::{TokenRow, Tokens, TokensMetadata};
use lingo_artifact::{Label, LabelKind, Split};
use rayon::prelude::*;

use crate::adapt_first::task::{FirstTask, OtherTask};
use crate::cell::windows::windows;
use crate::error::Error;
use crate::masking::{Masking, Rule};
use crate::pretrain::markov::Counts;
use crate::settings::masked_dna::MaskedDna;
use crate::shared_bases::{HeldOut, SHARED, SharedBases};

/// Why nothing can be hidden from a model whose tokenizer has no mask.
pub const NO_MASK: &str = "the model's tokenizer has no mask (`[MASK]`, `<mask>`), so no token can be hidden: learn from tasks first, \
                           without `adapt_first.masked`";

/// DNA without labels, and what is asked of it.
#[derive(Clone, Copy)]
pub struct UnlabelledDna<'a> {
    /// The DNA.
    pub source: &'a dyn SequenceSource,
    /// How it is learnt from.
    pub settings: &'a MaskedDna,
    /// The id that stands in place of what is hidden; `None` where the model's tokenizer has none.
    pub mask: Option<u32>,
    /// Tokens that the model can read; the first task's encoder does not cut before there is one more.
    pub most_tokens: u32,
    /// Whether the model sees nothing behind a token: it is then asked for the next one.
    pub reads_left_only: bool,
}

/// Windows of it as rows.
pub(super) struct Unlabelled<'a> {
    pub tokens: Tokens,
    pub masking: Masking,
    /// Windows that share bases with what tasks hold out, or with a held-out window.
    pub left_out: usize,
    windows: Vec<Vec<u8>>,
    encoder: &'a dyn Readings,
}

impl<'a> Unlabelled<'a> {
    /// Draws the windows, leaves out those that share 32 bases with a row of dev or test of any task, on either strand, holds
    /// some out and encodes all as the first task's rows are.
    ///
    /// # Errors
    /// No task; a model without a mask; DNA that cannot be read, or of which nothing is left; [`Error::Stopped`].
    pub fn of(
        dna: &UnlabelledDna,
        tasks: &[FirstTask<'a>],
        others: &[OtherTask],
        seed: u64,
        stop: &StopFlag,
    ) -> Result<Self, Error> {
        let [first, ..] = tasks else {
            return Err(Error::Config(
                "there is no task whose tokens could be learnt".into(),
            ));
        };
        if let Some(why) = dna.settings.contradiction() {
            return Err(Error::Config(format!("`adapt_first.masked`: {why}")));
        }
        let rule = match (dna.reads_left_only, dna.mask) {
            (true, _) => Rule::Next,
            (false, Some(mask)) => Rule::Hidden {
                share: dna.settings.share.get(),
                mask,
            },
            (false, None) => {
                return Err(Error::Config(NO_MASK.into()));
            }
        };
        let length = length_of_windows(tasks, others, dna)?;
        let most = dna.settings.windows.get() as usize;
        let drawn = windows(("adapt_first.masked", dna.source), length, most, seed);
        let drawn = drawn.map_err(|e| match (e, dna.settings.length) {
            (Error::Data(what), Some(_)) => {
                Error::Data(format!("{what}, or ask for shorter windows (`length`)"))
            }
            (other, _) => other,
        })?;
        let all = drawn.len();
        // What is shorter than 32 bases is found in a row that holds all of it.
        let shortest = drawn.iter().map(Vec::len).min().unwrap_or(length);
        let stretch = SHARED.min(shortest);
        let held = held_out(tasks, others, stretch, stop)?;
        let mut kept = drawn;
        kept.retain(|window| !held.by_another(window, NO_TASK));
        // Which window is held out says nothing of where it stands.
        Stream::new(seed, "held-out windows").shuffle(&mut kept);
        let count = (kept.len() as f64 * dna.settings.held_out.get()).ceil() as usize;
        let mut of_dev = SharedBases::new(stretch);
        kept.iter()
            .take(count)
            .for_each(|window| of_dev.add(window));
        let mut number = 0..;
        kept.retain(|window| number.next() < Some(count) || !of_dev.has(window));
        let left_out = all - kept.len();
        if kept.len() <= count || count == 0 {
            return Err(Error::Data(format!(
                "of {all} windows of `adapt_first.masked` none is left to learn from: {left_out} share {stretch} bases with rows that the \
                 tasks hold out, or with held-out windows; name other files"
            )));
        }
        let made = Self::encoded(first, kept, (count, left_out), rule, stop)?;
        let longest = made.tokens.rows.iter().map(|row| row.input_ids.len()).max();
        if longest > Some(dna.most_tokens as usize) {
            return Err(Error::Config(format!(
                "`adapt_first.masked`: windows of {length} bases are more than the {} tokens that the model can read: say how many \
                 bases a window has (`length`)",
                dna.most_tokens
            )));
        }
        Ok(made)
    }

    /// The first `held_out` windows are held out.
    fn encoded(
        first: &FirstTask<'a>,
        windows: Vec<Vec<u8>>,
        (held_out, left_out): (usize, usize),
        rule: Rule,
        stop: &StopFlag,
    ) -> Result<Self, Error> {
        let encoder = first.readings;
        let encoding = &first.tokens.metadata.encoding;
        let rows = windows.par_iter().enumerate().map(|(i, window)| {
            if stop.is_raised() {
                return Err(Error::Stopped);
            }
            let ids = encoder.encode(std::slice::from_ref(window));
            Ok(TokenRow {
                id: format!("window {}", i + 1),
                split: if i < held_out {
                    Split::Dev
                } else {
                    Split::Train
                },
                label: Label::Class(0),
                input_ids: ids.map_err(|e| Error::Data(e.to_string()))?,
            })
        });
        let rows = rows.collect::<Result<Vec<TokenRow>, Error>>()?;
        let train: Vec<&TokenRow> = rows[held_out..].iter().collect();
        let bases = windows[held_out..].iter().map(Vec::len).sum();
        let masking = Masking::of(encoding, &train, bases, rule);
        if masking.classes() < 2 {
            return Err(Error::Data(
                "the windows of `adapt_first.masked` have hardly any token of A, C, G and T: name other files".into(),
            ));
        }
        let names = (0..masking.classes()).map(|class| class.to_string());
        Ok(Self {
            tokens: Tokens {
                metadata: TokensMetadata {
                    labels: LabelKind::Classes(names.collect()),
                    encoding: encoding.clone(),
                    truncated: [0; 3],
                    unknown: [0; 3],
                },
                rows,
            },
            masking,
            left_out,
            windows,
            encoder,
        })
    }

    /// Windows that are learnt from.
    pub fn learnt(&self) -> usize {
        let rows = self.tokens.rows.iter();
        rows.filter(|row| row.split == Split::Train).count()
    }

    /// Bases of the held-out windows that a token which is asked for stands for, on the mean.
    pub fn bases_of_a_token(&self) -> f64 {
        let (mut tokens, mut bases) = (0usize, 0.0);
        for (place, row) in self.tokens.rows.iter().enumerate() {
            if row.split == Split::Dev {
                // As they are evaluated: what is hidden is the row's own.
                let (_, asked) = self.masking.hide(&row.input_ids, place as u64);
                tokens += asked.len();
                bases += self.masking.bases(&row.input_ids, &asked);
            }
        }
        bases / tokens.max(1) as f64
    }

    /// The loss of an order-3 Markov model on the held-out windows, counted on the others, in nats per base.
    pub fn markov_loss(&self) -> f64 {
        let of_split = |split: Split| {
            let rows = self.tokens.rows.iter().zip(&self.windows);
            rows.filter(move |(row, _)| row.split == split)
                .map(|(_, window)| window.as_slice())
        };
        let mut counts = Counts::new();
        of_split(Split::Train).for_each(|window| counts.add(window));
        counts.model().mean_loss(of_split(Split::Dev))
    }
}

/// No task has this number.
const NO_TASK: u32 = u32::MAX;

/// Bases of a window: unless the settings say, as many as the longest row of any task has, but no more than the longest
/// sequence of the DNA.
fn length_of_windows(
    tasks: &[FirstTask],
    others: &[OtherTask],
    dna: &UnlabelledDna,
) -> Result<usize, Error> {
    if let Some(length) = dna.settings.length {
        return Ok(length.get() as usize);
    }
    let own = tasks
        .iter()
        .map(|task| (task.name, task.readings, task.tokens.rows.len()));
    let others = others
        .iter()
        .map(|task| (task.name, task.readings, task.splits.len()));
    let mut longest = 0;
    for (name, readings, rows) in own.chain(others) {
        for place in 0..rows {
            let row = readings.bases(place);
            let row = row.map_err(|e| Error::Data(format!("{name}: {e}")))?;
            longest = row
                .iter()
                .map(|bases| bases.len())
                .max()
                .unwrap_or(0)
                .max(longest);
        }
    }
    let of_dna = dna.source.sequences().iter().map(|(_, bases)| *bases).max();
    let of_dna = of_dna.and_then(|bases| usize::try_from(bases).ok());
    Ok(longest.min(of_dna.unwrap_or(longest)))
}

/// The stretches of what the tasks hold out.
fn held_out(
    tasks: &[FirstTask],
    others: &[OtherTask],
    stretch: usize,
    stop: &StopFlag,
) -> Result<HeldOut, Error> {
    let mut held = HeldOut::of_stretches(stretch);
    let own = tasks.iter().map(|task| {
        let splits: Vec<Split> = task.tokens.rows.iter().map(|row| row.split).collect();
        (task.name, task.readings, splits)
    });
    let others = others.iter();
    let others = others.map(|task| (task.name, task.readings, task.splits.to_vec()));
    for (number, (name, readings, splits)) in (0..).zip(own.chain(others)) {
        if stop.is_raised() {
            return Err(Error::Stopped);
        }
        let of_dev_and_test = splits.into_iter().enumerate();
        for (place, _) in of_dev_and_test.filter(|(_, split)| *split != Split::Train) {
            let row = readings.bases(place);
            let row = row.map_err(|e| Error::Data(format!("{name}: {e}")))?;
            row.iter().for_each(|bases| held.add(bases, number));
        }
        let hidden = readings.hidden();
        hidden.iter().for_each(|bases| held.add(bases, number));
    }
    Ok(held)
}

impl Readings for Unlabelled<'_> {
    fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError> {
        let window = self
            .windows
            .get(row)
            .ok_or_else(|| format!("there is no row {row}"))?;
        Ok(vec![Cow::Borrowed(window)])
    }

    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
        self.encoder.encode(sequences)
    }
}
