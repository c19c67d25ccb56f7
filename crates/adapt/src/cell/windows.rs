//! Windows of DNA that nobody has labelled.

use lingo_artifact::random::Stream;
use lingo_artifact::sequence_source::SequenceSource;

use crate::error::Error;

/// At most `most` windows of A, C, G and T, drawn evenly from those that lie side by side in the sequences, `length` bases
/// long; of a sequence that has half as many, itself.
/// `named` is the setting that names them.
///
/// # Errors
/// DNA that cannot be read, or none that is long enough.
pub(crate) fn windows(
    (named, source): (&str, &dyn SequenceSource),
    length: usize,
    most: usize,
    seed: u64,
) -> Result<Vec<Vec<u8>>, Error> {
    let length = length.max(1) as u64;
    let of = |bases: u64| match bases / length {
        0 => u64::from(2 * bases >= length),
        windows => windows,
    };
    let all: u64 = source.sequences().iter().map(|(_, bases)| of(*bases)).sum();
    let mut stream = Stream::new(seed, "windows of natural DNA");
    let (mut left, mut found) = (all, Vec::new());
    for (name, bases) in source.sequences() {
        for window in 0..of(*bases) {
            // Each of those that are left is as likely as any other.
            let wanted = (most - found.len()) as f64;
            let is_drawn = stream.uniform() * left as f64 <= wanted;
            left -= 1;
            if !is_drawn || found.len() == most {
                continue;
            }
            let end = ((window + 1) * length).min(*bases);
            let window = source.fetch(name, window * length, end);
            let window = window.map_err(|e| Error::Data(e.to_string()))?;
            if window.iter().all(|base| b"ACGT".contains(base)) {
                found.push(window.into_owned());
            }
        }
    }
    match found.is_empty() {
        false => Ok(found),
        true => Err(Error::Data(format!(
            "`{named}` has no {length} bases side by side that are all A, C, G or T: name other files"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use lingo_artifact::readings::ReadingError;

    use super::*;

    struct Sequences(Vec<(String, u64)>, Vec<Vec<u8>>);

    impl SequenceSource for Sequences {
        fn sequences(&self) -> &[(String, u64)] {
            &self.0
        }

        fn fetch(&self, name: &str, start: u64, end: u64) -> Result<Cow<'_, [u8]>, ReadingError> {
            let i = self
                .0
                .iter()
                .position(|(n, _)| n == name)
                .ok_or("unknown")?;
            Ok(Cow::Borrowed(&self.1[i][start as usize..end as usize]))
        }
    }

    fn sequences(all: &[&[u8]]) -> Sequences {
        let names = all.iter().enumerate();
        let names = names.map(|(i, bases)| (i.to_string(), bases.len() as u64));
        Sequences(
            names.collect(),
            all.iter().map(|bases| bases.to_vec()).collect(),
        )
    }

    #[test]
    fn windows_lie_side_by_side_and_have_no_other_letters() {
        let source = sequences(&[b"AACCGGTTA", b"AC", b"A", b"ACNTACGT"]);
        let found = windows(("natural", &source), 4, 100, 1).unwrap();
        assert_eq!(found, [&b"AACC"[..], b"GGTT", b"AC", b"ACGT"]);
        let long = b"ACGT".repeat(500);
        let source = sequences(&[&long]);
        assert_eq!(windows(("natural", &source), 4, 100, 1).unwrap().len(), 100);
        let none = sequences(&[b"NNNN"]);
        assert!(
            windows(("natural", &none), 4, 9, 1)
                .unwrap_err()
                .to_string()
                .contains("4 bases")
        );
    }
}
