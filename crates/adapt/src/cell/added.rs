//! Rows that networks of motifs learn from beside those of the task: shuffled ones, and DNA without labels.

use std::borrow::Cow;

use lingo_artifact::Label;
use lingo_artifact::digest::{Digest, Hasher};
use lingo_artifact::random::Stream;
use lingo_artifact::readings::{ReadingError, Readings};
use lingo_artifact::tokens::TokenRow;

use crate::cell::begun::Begun;
use crate::cell::windows::windows;
use crate::error::Error;
use crate::reading::Rows;
use crate::settings::motif_cnn::MotifCnn;
use crate::shared_bases::{SHARED, SharedBases};

/// The classes of the second task: shuffled, natural.
const SECOND: usize = 2;

/// What is added.
pub(super) struct Added {
    /// How often each row of the class is shuffled.
    each: usize,
    /// The class whose rows are.
    of: u32,
    /// As what.
    shuffled: TokenRow,
    /// DNA without labels, behind the rows of the table.
    natural: Vec<Vec<u8>>,
    /// Of it each network is given so many.
    rows: usize,
    /// The two classes of the second task: their labels come behind those of the task.
    of_second: [TokenRow; SECOND],
    /// Rows of the table.
    table: usize,
}

impl Added {
    /// What the settings ask for; `sequences` are those of the training rows.
    ///
    /// # Errors
    /// Pairs of sequences; DNA that is not there or cannot be read, or none that is long enough.
    pub fn of(
        begun: &Begun,
        motifs: &MotifCnn,
        sequences: &[Vec<Vec<u8>>],
    ) -> Result<Option<Self>, Error> {
        let (shuffles, natural) = (&motifs.shuffles, &motifs.natural);
        let Some(first) = begun.train.rows.first() else {
            return Ok(None);
        };
        if shuffles.is_none() && natural.is_none() {
            return Ok(None);
        }
        if sequences.iter().any(|row| row.len() > 1) {
            return Err(Error::Config(
                "`shuffles` and `natural` are for single sequences, and the rows are pairs: leave them out".into(),
            ));
        }
        let labels = &begun.request.tokens.metadata.labels;
        let names = labels.names();
        let class = |name: &String| names.iter().position(|n| n == name).unwrap_or(0) as u32;
        let labelled = |class: u32| TokenRow {
            label: Label::Class(class),
            ..(*first).clone()
        };
        let own = names.len() as u32;
        let rows = natural.as_ref().and_then(|natural| natural.rows);
        let rows = rows.map_or(2 * begun.train.rows.len(), |rows| rows.get() as usize);
        Ok(Some(Self {
            each: shuffles.as_ref().map_or(0, |s| s.each as usize),
            of: shuffles.as_ref().map_or(0, |s| class(&s.of)),
            shuffled: labelled(shuffles.as_ref().map_or(0, |s| class(&s.become_of))),
            natural: match natural {
                None => Vec::new(),
                Some(_) => {
                    let source = begun.request.natural.ok_or_else(|| {
                        Error::Config(
                            "`natural` needs the DNA that it names, and none is given".into(),
                        )
                    })?;
                    // Networks are to differ in what they are given, where there is enough.
                    let most = 2 * rows;
                    let longest = sequences.iter().flatten().map(Vec::len).max().unwrap_or(0);
                    let windows = windows(("natural", source), longest, most, begun.request.seed)?;
                    not_of_the_task(begun, windows, SHARED.min(longest.max(1)))?
                }
            },
            rows,
            of_second: [labelled(own), labelled(own + 1)],
            table: begun.request.tokens.rows.len(),
        }))
    }

    /// Outputs of the second task.
    pub fn second(&self) -> usize {
        match self.natural.is_empty() {
            true => 0,
            false => SECOND,
        }
    }

    /// The readings of the table, with the DNA without labels behind them.
    pub fn readings<'a>(&'a self, own: &'a dyn Readings) -> WithNatural<'a> {
        WithNatural {
            own,
            table: self.table,
            natural: &self.natural,
        }
    }

    /// Adds rows to those of one network.
    pub fn add_to<'a>(&'a self, rows: &mut Rows<'a>, seed: u64, fold: usize) {
        let own = rows.rows.len();
        let of = Label::Class(self.of);
        let of_class = rows.rows.iter().zip(&rows.places);
        let of_class: Vec<usize> = of_class
            .filter(|(row, _)| self.each > 0 && row.label == of)
            .map(|(_, place)| *place)
            .collect();
        rows.shuffled = vec![false; own];
        let mut add = |row: &'a TokenRow, place: usize, shuffled: bool| {
            rows.rows.push(row);
            rows.places.push(place);
            rows.shuffled.push(shuffled);
        };
        for _ in 0..self.each {
            for &place in &of_class {
                add(&self.shuffled, place, true);
            }
        }
        let mut order: Vec<usize> = (0..self.natural.len()).collect();
        let mut stream = Stream::new(seed, &format!("natural DNA of network {fold}"));
        stream.shuffle(&mut order);
        let [shuffled, natural] = &self.of_second;
        for i in order.into_iter().take(self.rows) {
            add(natural, self.table + i, false);
            add(shuffled, self.table + i, true);
        }
        rows.added = rows.rows.len() - own;
    }

    /// A digest that is another one where other rows are added.
    pub fn digest(&self, of: Digest) -> Digest {
        let mut hasher = Hasher::default();
        hasher.update(of.bytes());
        hasher.update(
            format!(
                "{} {} {:?} {}",
                self.each, self.of, self.shuffled.label, self.rows
            )
            .as_bytes(),
        );
        for window in &self.natural {
            hasher.update(window);
            hasher.update(b"\n");
        }
        hasher.digest()
    }
}

/// A table's readings with sequences behind them.
pub(super) struct WithNatural<'a> {
    own: &'a dyn Readings,
    table: usize,
    natural: &'a [Vec<u8>],
}

impl Readings for WithNatural<'_> {
    fn bases(&self, row: usize) -> Result<Vec<Cow<'_, [u8]>>, ReadingError> {
        match row.checked_sub(self.table) {
            None => self.own.bases(row),
            Some(i) => match self.natural.get(i) {
                Some(bases) => Ok(vec![Cow::Borrowed(bases)]),
                None => Err(format!("there is no row {row}").into()),
            },
        }
    }

    fn flanks(&self, row: usize, most: usize) -> Result<Option<[Vec<u8>; 2]>, ReadingError> {
        match row < self.table {
            true => self.own.flanks(row, most),
            false => Ok(None),
        }
    }

    fn encode(&self, sequences: &[Vec<u8>]) -> Result<Vec<u32>, ReadingError> {
        self.own.encode(sequences)
    }
}

/// Those that share no `stretch` of bases with any row of the task, hidden ones too, on either strand: no row of test may be learnt from, and a network that
/// is asked about a row is not to have seen it.
fn not_of_the_task(
    begun: &Begun,
    windows: Vec<Vec<u8>>,
    stretch: usize,
) -> Result<Vec<Vec<u8>>, Error> {
    let readings = begun
        .request
        .readings
        .ok_or_else(|| Error::Config("`natural` needs the sequences behind the tokens".into()))?;
    let mut of_task = SharedBases::new(stretch);
    for place in 0..begun.request.tokens.rows.len() {
        let row = readings
            .bases(place)
            .map_err(|e| Error::Data(e.to_string()))?;
        row.iter().for_each(|bases| of_task.add(bases));
    }
    (readings.hidden().iter()).for_each(|bases| of_task.add(bases));
    let all = windows.len();
    let mut kept = windows;
    kept.retain(|window| !of_task.has(window));
    let progress = begun.request.progress;
    progress.say(&format!(
        "natural DNA: {} of {all} windows, the others share {stretch} bases with a row of the task",
        kept.len()
    ));
    match kept.is_empty() {
        false => Ok(kept),
        true => Err(Error::Data(format!(
            "all of the DNA of `natural` shares {stretch} bases with rows of the task: name other files"
        ))),
    }
}
