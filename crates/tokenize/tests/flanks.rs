//! What stands in the genome around a row, for windows that are moved.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use lingo_artifact::example::{Example, Interval};
use lingo_artifact::readings::Readings as _;
use lingo_artifact::sequence_source::SequenceSource;
use lingo_artifact::{Label, Split, Strand};
use lingo_tokenize::{EncodedRows, Encoder, ModelVocabulary, TokenizeConfig};

const GENOME: &[u8] = b"AACCGGTTACGT";

struct Memory([(String, u64); 1]);

impl SequenceSource for Memory {
    fn sequences(&self) -> &[(String, u64)] {
        &self.0
    }

    fn fetch(
        &self,
        _: &str,
        start: u64,
        end: u64,
    ) -> Result<Cow<'_, [u8]>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Cow::Borrowed(&GENOME[start as usize..end as usize]))
    }
}

fn row(start: u64, end: u64, strand: Strand) -> Example {
    Example {
        id: format!("{start}"),
        split: Split::Train,
        sequence: "ACGT".into(),
        sequence2: None,
        label: Label::Class(0),
        interval: Some(Interval {
            chrom: "c".into(),
            start,
            end,
            strand,
        }),
    }
}

#[test]
fn flanks_are_the_genomes_on_the_strand_of_the_row() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bert");
    let model = ModelVocabulary::load(&fixtures).unwrap();
    let config = TokenizeConfig::new("base".parse().unwrap());
    let encoder = || Encoder::new(&model, &config, &BTreeMap::new(), None).unwrap();
    let nowhere = Example {
        interval: None,
        ..row(0, 4, Strand::Forward)
    };
    let rows = vec![
        row(4, 8, Strand::Forward),
        row(4, 8, Strand::Reverse),
        row(1, 10, Strand::Forward),
        nowhere,
    ];
    let genome = Box::new(Memory([("c".into(), GENOME.len() as u64)]));
    let with = EncodedRows::new(rows[..3].to_vec(), encoder()).in_genome(genome);
    let t = |row: usize, before: &[u8], behind: &[u8]| {
        let found = with.flanks(row, 3).unwrap().unwrap();
        assert_eq!(found, [before.to_vec(), behind.to_vec()], "row {row}");
    };
    t(0, b"ACC", b"ACG");
    // From the other strand what stands behind comes first.
    t(1, b"CGT", b"GGT");
    t(2, b"A", b"GT");
    let genome = Box::new(Memory([("c".into(), GENOME.len() as u64)]));
    let mixed = EncodedRows::new(rows.clone(), encoder()).in_genome(genome);
    assert_eq!(
        mixed.flanks(0, 3).unwrap(),
        None,
        "another row has no place"
    );
    let without = EncodedRows::new(rows, encoder());
    assert_eq!(without.flanks(0, 3).unwrap(), None, "no genome");
}
