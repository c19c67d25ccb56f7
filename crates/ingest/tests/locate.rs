//! Where sequences lie: against a search that looks at every place, and on the command's own files.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use lingo_artifact::Strand;
use lingo_artifact::progress::Silent;
use lingo_artifact::random::Stream;
use lingo_ingest::iupac::reverse_complement;
use lingo_ingest::locate::{Counts, Found, Place, SHORTEST, locate, locate_files};
use lingo_ingest::{BedOptions, Genome, read_bed};
use proptest::prelude::*;

const LIMIT: u64 = 1 << 30;

fn genome(folder: &Path, sequences: &[String]) -> Genome {
    let text: String = sequences
        .iter()
        .enumerate()
        .map(|(i, s)| format!(">s{i}\n{s}\n"))
        .collect();
    let path = folder.join("g.fa");
    std::fs::write(&path, text).unwrap();
    Genome::open(&path, LIMIT).unwrap()
}

/// Looks at every place on both strands.
fn every_place(sequences: &[String], query: &[u8]) -> Vec<Place> {
    let other = reverse_complement(query);
    let mut places = Vec::new();
    for (chromosome, sequence) in sequences.iter().enumerate() {
        for (start, here) in sequence.as_bytes().windows(query.len()).enumerate() {
            let mut add = |strand| {
                places.push(Place {
                    chromosome,
                    start: start as u64,
                    strand,
                });
            };
            if here == query {
                add(Strand::Forward);
            } else if here == other {
                add(Strand::Reverse);
            }
        }
    }
    places.sort();
    places
}

fn has_run(query: &str) -> bool {
    query
        .split(|c| !"ACGT".contains(c))
        .any(|run| run.len() >= SHORTEST)
}

proptest! {
    #[test]
    fn it_finds_what_looking_at_every_place_finds(
        sequences in proptest::collection::vec("[ACGT]{30,200}|(AC|ACGTT|[ACGTN]{8}){5,40}", 1..4),
        picks in proptest::collection::vec((any::<usize>(), any::<usize>(), 5usize..60, any::<bool>()), 1..12),
        max_hits in 1u32..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let genome = genome(folder.path(), &sequences);
        let queries: Vec<String> = picks.iter().map(|(sequence, start, length, turned)| {
            let sequence = &sequences[sequence % sequences.len()];
            let length = *length.min(&sequence.len());
            let start = start % (sequence.len() - length + 1);
            let piece = &sequence[start..start + length];
            if *turned { String::from_utf8(reverse_complement(piece.as_bytes())).unwrap() } else { piece.to_string() }
        }).collect();
        let bases: Vec<&[u8]> = queries.iter().map(String::as_bytes).collect();
        let found = locate(&genome, &bases, max_hits).unwrap();
        prop_assert_eq!(found.len(), queries.len());
        for (query, found) in queries.iter().zip(found) {
            let expected = every_place(&sequences, query.as_bytes());
            if !has_run(query) {
                prop_assert_eq!(found, Found { too_short: true, ..Found::default() });
                continue;
            }
            prop_assert_eq!(found.hits as usize, expected.len(), "{}", query);
            prop_assert!(found.hits >= 1);
            let told = if found.hits <= max_hits { expected } else { Vec::new() };
            prop_assert_eq!(found.places, told);
        }
    }
}

/// A genome longer than what is read at a time: sequences across the seams are found once.
#[test]
fn nothing_is_lost_or_doubled_at_the_seams() {
    let mut stream = Stream::new(5, "seams");
    let sequence: String = (0..(5 << 20))
        .map(|_| char::from(b"ACGT"[stream.below(4)]))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let genome = genome(folder.path(), std::slice::from_ref(&sequence));
    let seam = 1usize << 22;
    let mut starts: Vec<usize> = (seam - 600..seam + 100).step_by(7).collect();
    starts.extend([0, sequence.len() - 500]);
    let turned: Vec<Vec<u8>> = starts
        .iter()
        .map(|s| reverse_complement(&sequence.as_bytes()[*s..s + 500]))
        .collect();
    let forward = starts.iter().map(|s| &sequence.as_bytes()[*s..s + 500]);
    let queries: Vec<&[u8]> = forward.chain(turned.iter().map(Vec::as_slice)).collect();
    let found = locate(&genome, &queries, 1).unwrap();
    for (i, found) in found.iter().enumerate() {
        let strand = [Strand::Forward, Strand::Reverse][i / starts.len()];
        let place = Place {
            chromosome: 0,
            start: starts[i % starts.len()] as u64,
            strand,
        };
        assert_eq!((found.hits, &found.places), (1, &vec![place]));
    }
    // The same with any number of threads.
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    assert_eq!(one.install(|| locate(&genome, &queries, 1)).unwrap(), found);
}

#[test]
fn places_are_written_as_bed_with_the_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(
        path("g.fa"),
        ">I x\nttacgtaagctgcatgcaac\nGGGGGGGGGGGGGGGGGGGG\n>II\nGTTGCATGCAGCTTACGUAANNNNACGGATTACAGGCAT\n",
    )
    .unwrap();
    std::fs::write(
        path("train.csv"),
        "sequence,label\nNNNNACGGATTACAGG,1\nTTACGTAAGCTGCATGCAAC,0\nACGGATTACAGGCATT,0\nATGCCTGTAATCCGT,yes no\nACGT,1\nGGGGGGGGGGGGGGG,0\n",
    )
    .unwrap();
    std::fs::write(
        path("q.fa"),
        ">a b\nATGCCTGTAATCCGT\n>c d|x\nCCTGTAATCCGT\n",
    )
    .unwrap();
    let genome = Genome::open(&path("g.fa"), LIMIT).unwrap();
    let inputs = [path("train.csv"), path("q.fa")];
    let located = locate_files(&genome, &inputs, 2, LIMIT).unwrap();
    assert_eq!(
        located.to_bed(),
        "I\t0\t20\ttrain:2\t0\t+\t2\nII\t0\t20\ttrain:2\t0\t-\t2\nII\t20\t36\ttrain:1\t1\t+\t1\nII\t24\t39\ttrain:4\tyes no\t-\t1\nII\t24\t39\ta\t.\t-\t1\nII\t24\t36\tc d\tx\t-\t1\n"
    );
    assert_eq!(
        located.counts,
        Counts {
            sequences: 8,
            unique: 4,
            several: 1,
            too_many: 1,
            not_found: 1,
            too_short: 1,
            places: 6,
        }
    );
    let unique = locate_files(&genome, &inputs, 1, LIMIT).unwrap();
    assert_eq!((unique.counts.unique, unique.counts.too_many), (4, 2));
    assert_eq!(unique.to_bed().lines().count(), 4);
}

#[test]
fn mistakes_are_told() {
    fn t(name: &str, text: &str, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("g.fa"), ">I\nTTACGTAAGCTGCATGCAAC\n").unwrap();
        std::fs::write(path(name), text).unwrap();
        let genome = Genome::open(&path("g.fa"), LIMIT).unwrap();
        let message = locate_files(&genome, &[path(name)], 1, LIMIT)
            .unwrap_err()
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "");
        assert_eq!(message, expected);
    }
    t(
        "q.csv",
        "sequence,label\nACGT,0\nACGGATTACAGGCATT,1\n",
        "g.fa: none of the 2 sequences lies in this genome (1 have fewer than 12 bases A, C, G, T in a row); is it the genome, and the assembly, that they are from? Only exact matches count",
    );
    t(
        "q.csv",
        "sequence1,sequence2,label\nACGT,ACGT,0\n",
        "q.csv:1: this table has pairs of sequences; `locate` looks for single ones",
    );
    t(
        "q.tsv",
        "sequence\tlabel\nACGT\t\"a\tb\"\n",
        "q.tsv:2: a tab stands in `a\\tb`, which BED cannot hold",
    );
    t(
        "q.fa",
        ">a|1\nACXT\n",
        "q.fa:2: column 3: `X` in the sequence `a` is no IUPAC nucleotide code; DNA or RNA is needed here (ACGTU, RYSWKMBDHV, N)",
    );
    t(
        "q.csv",
        "seq,label\nACGT,1\n",
        "q.csv:1: the column `sequence` is missing; there are: `seq`, `label` (read with commas). The header is `sequence,label` or `sequence1,sequence2,label`",
    );
}

fn data(path: &str) -> PathBuf {
    let root = std::env::var_os("LINGO_REAL_DATA")
        .expect("LINGO_REAL_DATA names the folder of the real data");
    Path::new(&root).join(path)
}

/// The published intervals, cut out of the genome and looked for in it, are all found where they came from.
#[test]
#[ignore = "reads the folder LINGO_REAL_DATA"]
fn the_yeast_probes_are_found_where_they_were_cut_out() {
    let folder = tempfile::tempdir().unwrap();
    let bed = data("yeast/emp_probes_on_R64.bed");
    let genome = Genome::open(&data("yeast/R64-1-1.fa.gz"), LIMIT).unwrap();
    let rows = read_bed(&bed, &BedOptions::default()).unwrap();
    let cut = lingo_ingest::extract(&genome, &bed, &rows, None).unwrap();
    let mut table = "sequence,label\n".to_string();
    for (window, line) in cut
        .windows
        .iter()
        .zip(std::fs::read_to_string(&bed).unwrap().lines())
    {
        let label = line.split('\t').nth(4).unwrap();
        table.push_str(&format!("{},{label}\n", window.sequence));
    }
    let path = folder.path().join("probes.csv");
    std::fs::write(&path, table).unwrap();
    let located = locate_files(&genome, &[path], 1, LIMIT).unwrap();
    assert_eq!(
        (located.counts.sequences, located.counts.unique),
        (27_878, 27_878)
    );
    // Everything but the names: place, label and strand, row by row.
    let without_name = |bed: &str| {
        let mut rows: Vec<Vec<String>> = bed
            .lines()
            .map(|line| {
                let columns: Vec<&str> = line.split('\t').collect();
                [0, 1, 2, 4, 5].map(|i| columns[i].to_string()).to_vec()
            })
            .collect();
        rows.sort();
        rows
    };
    assert!(
        without_name(&located.to_bed()) == without_name(&std::fs::read_to_string(&bed).unwrap())
    );
    // And it is read back with splits by chromosome.
    let found = folder.path().join("found.bed");
    std::fs::write(&found, located.to_bed()).unwrap();
    let config = serde_json::json!({
        "source": { "bed": { "fasta": data("yeast/R64-1-1.fa.gz"), "beds": [found], "label": { "column": 5 } } },
        "split": { "chromosomes": { "dev": ["XV"], "test": ["XVI"] } },
    });
    let examples = lingo_ingest::ingest(&serde_json::from_value(config).unwrap(), &Silent).unwrap();
    assert_eq!(examples.rows.len(), 27_878);
}
