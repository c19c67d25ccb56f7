//! Rows as networks read them: token ids or bases, as they are or changed.

use std::borrow::Cow;

use lingo_artifact::Label;
use lingo_artifact::bases::reverse_complement;
use lingo_artifact::random::Stream;
use lingo_artifact::readings::{ReadingError, Readings};
use lingo_artifact::shuffle::dinucleotide_shuffle;
use lingo_artifact::tokens::TokenRow;
use rayon::prelude::*;

use crate::error::Error;
use crate::masking::{Asked, Masking};
use crate::settings::train_config::Augment;

/// How a row's sequences are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// From the other strand.
    pub reverse: bool,
    /// The window is moved so many bases to the right before that.
    pub shift: i32,
    /// Bases are read as others between the two.
    pub mutations: Option<Mutations>,
    /// The seed of a shuffle that keeps every dinucleotide, before all that.
    pub shuffled: Option<u64>,
    /// The seed of the draw of what is hidden, where tokens are; without one it is the row's own, the same each time.
    pub hidden: Option<u64>,
}

/// Which bases are read as others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mutations {
    /// How probable it is for a base, in parts of 2^32.
    share: u32,
    /// The seed of the row's draws.
    seed: u64,
}

impl Mutations {
    /// A, C, G and T become one of the other three; what is none of them stays.
    fn of(self, bases: &mut [u8], stream: &mut Stream) {
        for base in bases {
            let drawn = stream.next_u64();
            let is_hit = ((drawn >> 32) as u32) < self.share;
            let place = b"ACGT".iter().position(|letter| letter == base);
            if let (true, Some(place)) = (is_hit, place) {
                // 2^32 is no multiple of three: the first of them has one draw of 2^32 more than the others.
                let step = 1 + (drawn as u32 % 3) as usize;
                *base = b"ACGT"[(place + step) % 4];
            }
        }
    }
}

impl View {
    /// The sequence as it is.
    pub const GIVEN: Self = Self {
        reverse: false,
        shift: 0,
        mutations: None,
        shuffled: None,
        hidden: None,
    };
    /// The other strand.
    pub const REVERSE: Self = Self {
        reverse: true,
        shift: 0,
        mutations: None,
        shuffled: None,
        hidden: None,
    };

    /// The views of `rows` rows in one epoch: two draws a row, whatever is switched on, so that nothing else moves; seeds of
    /// mutations come from a stream of their own.
    pub fn of_epoch(augment: &Augment, seed: u64, epoch: u64, rows: usize) -> Vec<Self> {
        if !augment.is_on() {
            return vec![Self::GIVEN; rows];
        }
        let mut stream = Stream::new(seed, &format!("augmentation of epoch {epoch}"));
        let mut seeds = Stream::new(seed, &format!("mutations of epoch {epoch}"));
        let widest = f64::from(augment.shift);
        let share = (augment.mutate.get() * 2f64.powi(32)).min(f64::from(u32::MAX)) as u32;
        (0..rows)
            .map(|_| Self {
                reverse: stream.uniform() < augment.reverse_complement.get(),
                shift: (stream.uniform() * (2.0 * widest + 1.0)).floor() as i32 - widest as i32,
                mutations: (share > 0).then(|| Mutations {
                    share,
                    seed: seeds.next_u64(),
                }),
                shuffled: None,
                hidden: None,
            })
            .collect()
    }

    /// Shuffles the rows that `shuffled` names, in another way in each epoch.
    pub fn shuffle(views: &mut [Self], shuffled: &[bool], seed: u64, epoch: u64) {
        if shuffled.is_empty() {
            return;
        }
        let mut seeds = Stream::new(seed, &format!("shuffles of epoch {epoch}"));
        for (view, _) in views.iter_mut().zip(shuffled).filter(|(_, is)| **is) {
            view.shuffled = Some(seeds.next_u64());
        }
    }

    /// Hides other tokens of each row in each epoch.
    pub fn hide(views: &mut [Self], seed: u64, epoch: u64) {
        let mut seeds = Stream::new(seed, &format!("hidden tokens of epoch {epoch}"));
        for view in views {
            view.hidden = Some(seeds.next_u64());
        }
    }

    /// The draws of mutations for one row: both sequences of a pair take theirs from it.
    fn stream(self) -> Option<Stream> {
        self.mutations
            .map(|mutations| Stream::new(mutations.seed, "mutations of a row"))
    }

    /// The bases that are seen: as many as there were; where the window has left the sequence, those of `flanks`, what
    /// stands before and behind it, and N where they end.
    fn of(
        self,
        bases: &[u8],
        [before, behind]: [&[u8]; 2],
        stream: Option<&mut Stream>,
    ) -> Vec<u8> {
        let shuffled = self
            .shuffled
            .map(|seed| dinucleotide_shuffle(bases, &mut Stream::new(seed, "shuffle of a row")));
        let bases = shuffled.as_deref().unwrap_or(bases);
        // A place counted from the sequence's first base, where it may be.
        let at = |place: i64| -> Option<u8> {
            let length = bases.len() as i64;
            let (from, index) = match place {
                ..0 => (before, before.len() as i64 + place),
                _ if place < length => (bases, place),
                _ => (behind, place - length),
            };
            from.get(usize::try_from(index).ok()?).copied()
        };
        let first = i64::from(self.shift);
        let places = first..first + bases.len() as i64;
        let mut seen: Vec<u8> = places.map(|place| at(place).unwrap_or(b'N')).collect();
        if let (Some(mutations), Some(stream)) = (self.mutations, stream) {
            mutations.of(&mut seen, stream);
        }
        match self.reverse {
            true => reverse_complement(&seen),
            false => seen,
        }
    }
}

/// One row as a network reads it.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a> {
    /// Token ids; none where the network reads bases.
    pub ids: Cow<'a, [u32]>,
    /// The bases of each sequence, where the network reads them.
    pub bases: Vec<Vec<u8>>,
    /// The row's number among those whose states are kept, where it is read as it is.
    pub kept: Option<usize>,
    /// Logits that are added to the network's; none where nothing stands beside it.
    pub beside: Vec<f32>,
    /// The tokens that are asked for, each of which has logits of its own; none where the row has a label.
    pub asked: Vec<Asked>,
}

/// What gives logits of its own for a row, to which those of a network are added.
pub(crate) trait Beside: Sync {
    /// The logits of the bases of a row as they are seen; `place` is that of the row in the table, so that what was
    /// trained on the row itself can be left out.
    ///
    /// # Errors
    /// A row that cannot be read.
    fn logits(&self, place: usize, bases: &[Vec<u8>]) -> Result<Vec<f32>, Error>;

    /// The logits of many rows, each by its place and its bases; the same bits as of each alone.
    ///
    /// # Errors
    /// As [`Beside::logits`].
    fn logits_of_all(&self, rows: &[(usize, &[Vec<u8>])]) -> Result<Vec<Vec<f32>>, Error> {
        // Each row for itself: any number of threads gives the same bits.
        let rows = rows.par_iter();
        rows.map(|(place, bases)| self.logits(*place, bases))
            .collect()
    }
}

/// Adds to logits, row after row, what stands beside the network.
pub(crate) fn add_beside(logits: &mut [f32], inputs: &[Input]) {
    let beside = inputs.iter().flat_map(|input| &input.beside);
    logits.iter_mut().zip(beside).for_each(|(l, b)| *l += b);
}

impl Input<'_> {
    /// Tokens, or bases.
    pub fn length(&self) -> u64 {
        let bases: usize = self.bases.iter().map(Vec::len).sum();
        (self.ids.len() + bases) as u64
    }
}

/// What each row of logits is to say: the labels of the rows, or those of the tokens that are asked for.
pub(crate) fn labels_of<'l>(
    inputs: &'l [Input],
    rows: &Rows<'l>,
    which: &[usize],
    masking: Option<&Masking>,
) -> Vec<&'l Label> {
    match masking {
        None => which.iter().map(|&i| &rows.rows[i].label).collect(),
        Some(_) => {
            let asked = inputs.iter().flat_map(|input| &input.asked);
            asked.map(|asked| &asked.label).collect()
        }
    }
}

/// Some rows of the tokens, by reference.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows<'a> {
    pub rows: Vec<&'a TokenRow>,
    /// Their places in the table.
    pub places: Vec<usize>,
    /// The number of the first among those whose states are kept.
    pub first_kept: usize,
    /// How many of them, at the end, are no rows of the split, but were added to learn from.
    pub added: usize,
    /// Which of them are read shuffled; empty: none.
    pub shuffled: Vec<bool>,
}

impl Rows<'_> {
    /// Tokens of each row, as it was encoded.
    pub fn lengths(&self) -> Vec<usize> {
        self.rows.iter().map(|row| row.input_ids.len()).collect()
    }
}

/// Where rows are read.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    /// The bases behind the rows; without them only what is encoded can be read.
    pub readings: Option<&'a dyn Readings>,
    /// Whether the network reads bases, not tokens.
    pub bases: bool,
    /// How the rows are looked at.
    pub view: View,
    /// What stands beside the network.
    pub beside: Option<&'a dyn Beside>,
    /// What of a row is hidden and asked for, in place of its label.
    pub masking: Option<&'a Masking>,
}

impl Reader<'_> {
    /// The same rows, looked at in another way.
    pub fn seen(&self, view: View) -> Self {
        Self { view, ..*self }
    }

    /// Rows by their numbers among `rows`.
    ///
    /// # Errors
    /// [`Error::Data`] where the bases are needed and cannot be read or encoded.
    pub fn inputs<'r>(&self, rows: &Rows<'r>, which: &[usize]) -> Result<Vec<Input<'r>>, Error> {
        self.each(rows, which, |_| self.view)
    }

    /// The same, each row under its own view among `views`.
    ///
    /// # Errors
    /// As [`Reader::inputs`].
    pub fn inputs_seen<'r>(
        &self,
        rows: &Rows<'r>,
        which: &[usize],
        views: &[View],
    ) -> Result<Vec<Input<'r>>, Error> {
        self.each(rows, which, |i| views[i])
    }

    /// What stands beside the network says of all rows, one after another; few of them are held at a time.
    ///
    /// # Errors
    /// As [`Reader::inputs`].
    pub fn beside_alone(&self, rows: &Rows) -> Result<Vec<f32>, Error> {
        let which: Vec<usize> = (0..rows.rows.len()).collect();
        let mut logits = Vec::new();
        for some in which.chunks(4096) {
            for input in self.inputs(rows, some)? {
                logits.extend(input.beside);
            }
        }
        Ok(logits)
    }

    fn each<'r>(
        &self,
        rows: &Rows<'r>,
        which: &[usize],
        view: impl Fn(usize) -> View + Sync,
    ) -> Result<Vec<Input<'r>>, Error> {
        let reader = |i: usize| self.seen(view(i));
        let Some(beside) = self.beside else {
            let inputs = which.iter().map(|&i| reader(i).alone(rows, i));
            return inputs.collect();
        };
        // Each row for itself: any number of threads gives the same bits.
        let seen = which.par_iter().map(|&i| reader(i).seen_bases(rows, i));
        let seen: Vec<Vec<Vec<u8>>> = seen.collect::<Result<_, Error>>()?;
        let asked = which.iter().zip(&seen);
        let asked: Vec<(usize, &[Vec<u8>])> = asked
            .map(|(&i, bases)| (rows.places[i], &bases[..]))
            .collect();
        let logits = beside.logits_of_all(&asked)?;
        let all = which.par_iter().zip(seen).zip(logits);
        all.map(|((&i, bases), logits)| reader(i).input(rows, i, bases, logits))
            .collect()
    }

    /// One row, by its number among `rows`, without what stands beside the network.
    fn alone<'r>(&self, rows: &Rows<'r>, i: usize) -> Result<Input<'r>, Error> {
        let bases = match self.as_encoded() {
            true => Vec::new(),
            false => self.seen_bases(rows, i)?,
        };
        self.input(rows, i, bases, Vec::new())
    }

    /// Whether rows are read as they were encoded.
    fn as_encoded(&self) -> bool {
        let view = View {
            hidden: None,
            ..self.view
        };
        view == View::GIVEN && !self.bases
    }

    /// The bases of a row, by its number among `rows`, as they are looked at.
    fn seen_bases(&self, rows: &Rows, i: usize) -> Result<Vec<Vec<u8>>, Error> {
        let view = self.view;
        let failed = |e: ReadingError| failed(rows.rows[i], &e);
        let readings = self.readings()?;
        let bases = readings.bases(rows.places[i]).map_err(failed)?;
        // The two sequences of a pair need not stand in the same place.
        let flanks = match view.shift {
            0 => None,
            _ if bases.len() > 1 => None,
            shift => {
                let most = shift.unsigned_abs() as usize;
                readings.flanks(rows.places[i], most).map_err(failed)?
            }
        };
        let [before, behind] = flanks.unwrap_or_default();
        let mut stream = view.stream();
        let seen = bases.iter();
        let seen = seen.map(|bases| view.of(bases, [&before, &behind], stream.as_mut()));
        Ok(seen.collect())
    }

    /// A row of these bases, beside which these logits stand.
    fn input<'r>(
        &self,
        rows: &Rows<'r>,
        i: usize,
        bases: Vec<Vec<u8>>,
        beside: Vec<f32>,
    ) -> Result<Input<'r>, Error> {
        let (row, as_encoded) = (rows.rows[i], self.as_encoded());
        let (ids, bases) = match (self.bases, as_encoded) {
            (true, _) => (Cow::Borrowed(&[][..]), bases),
            (false, true) => (Cow::Borrowed(&row.input_ids[..]), Vec::new()),
            (false, false) => {
                let ids = self.readings()?.encode(&bases);
                (Cow::Owned(ids.map_err(|e| failed(row, &e))?), Vec::new())
            }
        };
        let (ids, asked) = match self.masking {
            None => (ids, Vec::new()),
            Some(masking) => {
                let seed = self.view.hidden.unwrap_or(rows.places[i] as u64);
                let (ids, asked) = masking.hide(&ids, seed);
                (Cow::Owned(ids), asked)
            }
        };
        Ok(Input {
            ids,
            bases,
            kept: (as_encoded && self.masking.is_none()).then_some(rows.first_kept + i),
            beside,
            asked,
        })
    }

    fn readings(&self) -> Result<&dyn Readings, Error> {
        self.readings.ok_or_else(|| {
            Error::Data(
                "the sequences behind the tokens are needed, and only tokens are given".into(),
            )
        })
    }
}

fn failed(row: &TokenRow, error: &ReadingError) -> Error {
    Error::Data(format!("the row `{}`: {error}", row.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_moves_the_window_and_then_turns_it() {
        let view = |reverse, shift| View {
            reverse,
            shift,
            ..View::GIVEN
        };
        let t = |reverse, shift, expected: &[u8]| {
            assert_eq!(
                view(reverse, shift).of(b"AACGT", [b"", b""], None),
                expected,
                "{reverse} {shift}"
            );
        };
        t(false, 0, b"AACGT");
        t(false, 2, b"CGTNN");
        t(false, -2, b"NNAAC");
        t(true, 0, b"ACGTT");
        t(true, 2, b"NNACG");
        t(false, 9, b"NNNNN");
        t(false, -9, b"NNNNN");
        let t = |reverse, shift, expected: &[u8]| {
            let seen = view(reverse, shift).of(b"AACGT", [b"TG", b"CCA"], None);
            assert_eq!(seen, expected, "{reverse} {shift}");
        };
        t(false, 2, b"CGTCC");
        t(false, 4, b"TCCAN");
        t(false, -1, b"GAACG");
        t(false, -3, b"NTGAA");
        t(true, -2, b"GTTCA");
    }

    #[test]
    fn a_shuffle_is_another_one_in_each_epoch_and_keeps_the_dinucleotides() {
        let bases = b"ACGTTGCAAGGCTTACCGATNACGGT";
        let mut views = vec![View::GIVEN; 3];
        View::shuffle(&mut views, &[], 1, 0);
        assert_eq!(views, [View::GIVEN; 3]);
        let seen = |epoch| {
            let mut views = [View::GIVEN; 3];
            View::shuffle(&mut views, &[true, false, true], 1, epoch);
            views.map(|view| view.of(bases, [b"", b""], None))
        };
        let of_epoch = seen(0);
        assert_eq!(of_epoch, seen(0));
        assert_eq!(of_epoch[1], bases);
        assert!(of_epoch[0] != of_epoch[2] && of_epoch[0] != bases && of_epoch[0] != seen(1)[0]);
        let pairs = |bases: &[u8]| {
            let mut pairs: Vec<[u8; 2]> = bases.windows(2).map(|p| [p[0], p[1]]).collect();
            pairs.sort_unstable();
            pairs
        };
        assert_eq!(pairs(&of_epoch[0]), pairs(bases));
    }

    #[test]
    fn the_draws_of_an_epoch_cover_what_is_asked_for_and_nothing_else() {
        let augment: Augment =
            serde_json::from_str(r#"{"reverse_complement": 0.25, "shift": 3}"#).unwrap();
        let views = View::of_epoch(&augment, 1, 0, 20_000);
        let reversed = views.iter().filter(|v| v.reverse).count() as f64 / 20_000.0;
        assert!((reversed - 0.25).abs() < 0.02, "{reversed}");
        for shift in -4..=4 {
            let share = views.iter().filter(|v| v.shift == shift).count() as f64 / 20_000.0;
            let expected = if shift.abs() <= 3 { 1.0 / 7.0 } else { 0.0 };
            assert!((share - expected).abs() < 0.015, "{shift}: {share}");
        }
        assert_eq!(views[..50], View::of_epoch(&augment, 1, 0, 50));
        assert_ne!(views[..50], View::of_epoch(&augment, 1, 1, 50));
        assert_ne!(views[..50], View::of_epoch(&augment, 2, 0, 50));
        let off = View::of_epoch(&Augment::default(), 1, 0, 3);
        assert_eq!(off, [View::GIVEN; 3]);
    }

    #[test]
    fn mutations_change_the_share_of_bases_that_is_asked_for_into_each_other_alike() {
        let augment: Augment = serde_json::from_str(r#"{"mutate": 0.2}"#).unwrap();
        let views = View::of_epoch(&augment, 1, 0, 400);
        let bases = b"ACGTN".repeat(50);
        let mut counts = [[0.0f64; 5]; 5];
        let place = |base: u8| b"ACGTN".iter().position(|b| *b == base).unwrap();
        for view in &views {
            assert!(!view.reverse && view.shift == 0);
            let seen = view.of(&bases, [b"", b""], view.stream().as_mut());
            for (from, to) in bases.iter().zip(&seen) {
                counts[place(*from)][place(*to)] += 1.0 / 20_000.0;
            }
        }
        for (from, to) in (0..5).flat_map(|from| (0..5).map(move |to| (from, to))) {
            let expected = match (from, to) {
                (4, 4) => 1.0,
                (4, _) | (_, 4) => 0.0,
                _ if from == to => 0.8,
                _ => 0.2 / 3.0,
            };
            assert!((counts[from][to] - expected).abs() < 0.01, "{counts:?}");
        }
        // The same row in the same epoch is the same; in the next, and another row, it is not.
        let again = View::of_epoch(&augment, 1, 0, 2);
        assert_eq!(again, views[..2]);
        assert_ne!(views[0].mutations, views[1].mutations);
        assert_ne!(View::of_epoch(&augment, 1, 1, 1)[0], views[0]);
        // Switching it on moves no other draw.
        let both: Augment =
            serde_json::from_str(r#"{"reverse_complement": 0.5, "mutate": 0.1}"#).unwrap();
        let alone: Augment = serde_json::from_str(r#"{"reverse_complement": 0.5}"#).unwrap();
        let reverse = |augment| {
            let views = View::of_epoch(augment, 3, 2, 100);
            views.iter().map(|view| view.reverse).collect::<Vec<_>>()
        };
        assert_eq!(reverse(&both), reverse(&alone));
    }
}
