//! The genome as pretraining reads it: each sequence's beginning to train on, its end held out.

use std::borrow::Cow;

use lingo_artifact::random::Stream;
use lingo_artifact::sequence_source::SequenceSource;

use crate::error::Error;

/// Bases of context.
pub(crate) const ORDER: usize = 3;

/// A stretch of one sequence, in bases.
pub(super) struct Part {
    pub name: String,
    pub start: u64,
    pub end: u64,
}

impl Part {
    /// How many windows begin in it.
    fn starts(&self, window: u64) -> u64 {
        (self.end - self.start + 1).saturating_sub(window)
    }
}

/// Windows of a genome.
pub(super) struct Corpus<'a> {
    source: &'a dyn SequenceSource,
    window: u64,
    training: Vec<Part>,
    held_out: Vec<Part>,
    /// How many training windows begin in each part and those before it.
    cumulative: Vec<u64>,
}

impl<'a> Corpus<'a> {
    /// Splits each sequence: its last `held_out` share is not trained on.
    ///
    /// # Errors
    /// [`Error::Data`] when there is no window to train on, or none to hold out.
    pub fn new(
        source: &'a dyn SequenceSource,
        window: usize,
        held_out: f64,
    ) -> Result<Self, Error> {
        let window = window as u64;
        let (mut training, mut held) = (Vec::new(), Vec::new());
        for (name, length) in source.sequences() {
            let cut = length - (*length as f64 * held_out).floor() as u64;
            let part = |start, end| Part {
                name: name.clone(),
                start,
                end,
            };
            training.push(part(0, cut));
            held.push(part(cut, *length));
        }
        let mut sum = 0;
        let cumulative: Vec<u64> = training
            .iter()
            .map(|part| {
                sum += part.starts(window);
                sum
            })
            .collect();
        let corpus = Self {
            source,
            window,
            training,
            held_out: held,
            cumulative,
        };
        if sum == 0 || corpus.held_out_starts().next().is_none() {
            return Err(Error::Data(format!(
                "no sequence is long enough for windows of {window} bases in the training part and in the {:.0} % held out",
                100.0 * held_out
            )));
        }
        Ok(corpus)
    }

    pub fn training_parts(&self) -> &[Part] {
        &self.training
    }

    pub fn training_bases(&self) -> u64 {
        self.training.iter().map(|p| p.end - p.start).sum()
    }

    /// Bases `start..end` of the sequence of `part`.
    pub fn fetch(&self, part: &Part, start: u64, end: u64) -> Result<Cow<'_, [u8]>, Error> {
        let read = self.source.fetch(&part.name, start, end);
        read.map_err(|e| Error::Data(e.to_string()))
    }

    /// A window of the training part; every one is equally likely.
    pub fn training_window(&self, stream: &mut Stream) -> Result<Vec<u8>, Error> {
        let total = self.cumulative.last().copied().unwrap_or(0);
        let drawn = stream.below(total as usize) as u64;
        let i = self.cumulative.partition_point(|&sum| sum <= drawn);
        let before = if i == 0 { 0 } else { self.cumulative[i - 1] };
        let part = &self.training[i];
        let start = part.start + drawn - before;
        Ok(self.fetch(part, start, start + self.window)?.into_owned())
    }

    /// At most `limit` windows side by side of the held-out part, evenly spread, each with the
    /// [`ORDER`] bases before it.
    pub fn held_out_windows(&self, limit: usize) -> Result<Vec<Vec<u8>>, Error> {
        let step = self.held_out_starts().count().div_ceil(limit).max(1);
        self.held_out_starts()
            .step_by(step)
            .map(|(part, start)| {
                let bases = self.fetch(part, start - ORDER as u64, start + self.window)?;
                Ok(bases.into_owned())
            })
            .collect()
    }

    fn held_out_starts(&self) -> impl Iterator<Item = (&Part, u64)> {
        self.held_out.iter().flat_map(move |part| {
            let first = part.start.max(ORDER as u64);
            let windows = part.end.saturating_sub(first) / self.window;
            (0..windows).map(move |i| (part, first + i * self.window))
        })
    }
}
