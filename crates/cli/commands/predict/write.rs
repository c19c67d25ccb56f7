//! What was predicted, written: one pass over the items and their logits for each file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use lingo_artifact::atomic;
use lingo_artifact::progress::StopFlag;
use lingo_ingest::Genome;
use lingo_workflow::{Error, Kind};

use super::items::{From, Item, Row};
use super::logo::{Letter, svg};
use super::mutants::changes;
use super::outcomes::{Outcomes, Spread};
use super::request::{Census, Request};
use super::scores::Scores;
use super::tables::{Changes, Labelled, Placed, Variants, bed_line, effects};
use super::track::{Track, is_track};
use crate::arguments::ValueChoice;

/// What all files are made of.
pub struct Job<'a> {
    pub request: &'a Request,
    pub census: &'a Census,
    pub outcomes: &'a Outcomes,
    /// How many adapters there are.
    pub members: usize,
    /// What tracks show.
    pub value: ValueChoice,
    pub stop: &'a StopFlag,
}

impl Job<'_> {
    fn genome(&self) -> Option<&Genome> {
        self.request.items.genome.as_ref()
    }

    /// Hands on every item with the logits of all its sequences.
    fn each(
        &self,
        scores: &mut Scores,
        mut take: impl FnMut(&Item, &[f32]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut reader = scores.reader()?;
        let mut logits = Vec::new();
        let left_out = self.request.items.each(|item| {
            if self.stop.is_raised() {
                return Err(Error::Interrupted { checkpoint: true });
            }
            let sequences = match &item {
                Item::Variant(_) => 2,
                Item::Row(row) if self.request.mutagenesis => {
                    1 + changes(&row.bases(self.genome())?).count()
                }
                Item::Row(_) => 1,
            };
            logits.clear();
            for _ in 0..sequences {
                logits.extend_from_slice(reader.next()?);
            }
            take(&item, &logits)
        });
        left_out.map(|_| ())
    }

    fn each_row(
        &self,
        scores: &mut Scores,
        mut take: impl FnMut(&Row, &[f32]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.each(scores, |item, logits| match item {
            Item::Row(row) => take(row, logits),
            Item::Variant(_) => Ok(()),
        })
    }

    fn write_variants(
        &self,
        scores: &mut Scores,
        path: &Path,
        out: &mut BufWriter<File>,
    ) -> Result<(), Error> {
        let mut table = Variants::new(path, self.outcomes, self.members, out)?;
        self.each(scores, |item, logits| match item {
            Item::Variant(variant) => table.take(variant, logits),
            Item::Row(_) => Ok(()),
        })?;
        table.finish()
    }

    fn write_changes(
        &self,
        scores: &mut Scores,
        path: &Path,
        out: &mut BufWriter<File>,
    ) -> Result<(), Error> {
        let mut table = Changes::new(path, self.outcomes, self.members, out)?;
        self.each_row(scores, |row, logits| {
            table.take(row, &row.bases(self.genome())?, logits)
        })?;
        table.finish()
    }

    fn write_rows(
        &self,
        scores: &mut Scores,
        path: &Path,
        out: &mut BufWriter<File>,
    ) -> Result<(), Error> {
        if self.census.labels {
            let mut table = Labelled::new(path, self.outcomes, out)?;
            self.each_row(scores, |row, logits| match &row.label {
                Some(label) => table.take(row, label, logits),
                None => Ok(()),
            })?;
            return table.finish();
        }
        // Nothing is known of the truth: places and probabilities, and no label that could be taken for one.
        let places = self.census.places;
        let mut table = Placed::new(path, self.outcomes, places, self.members, out)?;
        self.each_row(scores, |row, logits| table.take(row, logits))?;
        table.finish()
    }

    fn write_track(
        &self,
        scores: &mut Scores,
        path: &Path,
        out: &mut BufWriter<File>,
    ) -> Result<(), Error> {
        let genome = self
            .genome()
            .ok_or_else(|| Error::stage(Kind::Usage, "a track needs a genome; give --fasta"))?;
        let share = self.request.share;
        let typical = match &self.request.items.from {
            _ if self.request.mutagenesis => 1,
            From::Windows(Some(cut)) => share.typical(cut.width),
            From::Beds { width: Some(w), .. } => share.typical(u64::from(w.get())),
            _ => 100,
        };
        let mut track = Track::new(path, genome, typical, out)?;
        self.each_row(scores, |row, logits| {
            let Some(place) = &row.interval else {
                return Ok(());
            };
            let (start, end) = share.of(place.start, place.end);
            if !self.request.mutagenesis {
                let value = Spread::of(&self.outcomes.values(logits, self.value)).mean;
                return track.add(&place.chrom, start, end, value);
            }
            for (base, effect) in self.base_effects(row, logits)?.into_iter().enumerate() {
                // On the reverse strand the last base that is read is the first of the interval.
                let at = place.start + base as u64;
                if let Some(effect) = effect.filter(|_| (start..end).contains(&at)) {
                    track.add(&place.chrom, at, at + 1, effect)?;
                }
            }
            Ok(())
        })?;
        track.finish()
    }

    /// Of each base of a row, in the order of the forward strand, the mean absolute difference that its changes make;
    /// nothing where the base is none of A, C, G and T.
    fn base_effects(&self, row: &Row, logits: &[f32]) -> Result<Vec<Option<f64>>, Error> {
        let bases = row.bases(self.genome())?;
        let width = self.members * self.outcomes.outputs();
        let mut sums = vec![None; bases.len()];
        for (change, effect) in effects(self.outcomes, &bases, logits, width) {
            let sum = sums[change.place].get_or_insert(0.0);
            *sum += effect.mean.abs() / 3.0;
        }
        let reverse = row.interval.as_ref().map(|i| i.strand);
        if reverse == Some(lingo_artifact::Strand::Reverse) {
            sums.reverse();
        }
        Ok(sums)
    }
}

/// Writes one file, whole or not at all.
///
/// # Errors
/// It cannot be written; the program is to stop.
pub fn write(job: &Job, scores: &mut Scores, path: &Path) -> Result<(), Error> {
    let is_bed = path.extension().is_some_and(|e| e == "bed");
    atomic::write(path, |out| match () {
        () if is_track(path) => job.write_track(scores, path, out),
        () if is_bed => job.each_row(scores, |row, logits| {
            bed_line(path, job.outcomes, row, logits, out)
        }),
        () if job.request.mutagenesis => job.write_changes(scores, path, out),
        () if matches!(job.request.items.from, From::Variants { .. }) => {
            job.write_variants(scores, path, out)
        }
        () => job.write_rows(scores, path, out),
    })
}

/// Draws the first window, or the one of a name.
///
/// # Errors
/// There is no such window; as [`write()`].
pub fn write_logo(
    job: &Job,
    scores: &mut Scores,
    name: Option<&str>,
    path: &Path,
) -> Result<(), Error> {
    let mut drawn = None;
    let width = job.members * job.outcomes.outputs();
    job.each_row(scores, |row, logits| {
        if drawn.is_some() || name.is_some_and(|name| name != row.id) {
            return Ok(());
        }
        let bases = row.bases(job.genome())?;
        let mut letters: Vec<Letter> = bases
            .iter()
            .map(|base| Letter {
                base: *base,
                height: 0.0,
            })
            .collect();
        for (change, effect) in effects(job.outcomes, &bases, logits, width) {
            letters[change.place].height -= effect.mean / 3.0;
        }
        drawn = Some(svg(
            &format!("{}: what changes take from the logit", row.id),
            &letters,
        ));
        Ok(())
    })?;
    let drawn = drawn.ok_or_else(|| {
        let message = format!(
            "--logo-of {}: no window has this name",
            name.unwrap_or_default()
        );
        Error::stage(Kind::Input, message)
    })?;
    atomic::write(path, |out| {
        let written = out.write_all(drawn.as_bytes());
        Ok(written.map_err(lingo_artifact::Error::io("write", path))?)
    })
}
