use std::io::Read;
use std::path::PathBuf;

use crate::synthetic::*;

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../data/demo")
        .join(file)
}

#[test]
fn the_shipped_files_are_what_the_generator_makes() {
    let synthetic = SyntheticGenome::demo().generate();
    let mut fasta = Vec::new();
    synthetic.write_fasta(&mut fasta).unwrap();
    let mut found = Vec::new();
    bgzf::io::Reader::new(std::fs::File::open(shipped("genome.fa.gz")).unwrap())
        .read_to_end(&mut found)
        .unwrap();
    assert!(
        fasta == found,
        "run `cargo run -p lingo-ingest --example demo_genome`"
    );
    for task in ["binding", "grammar"] {
        let mut bed = Vec::new();
        synthetic.write_bed(task, &mut bed).unwrap();
        assert!(
            bed == std::fs::read(shipped(&format!("{task}.bed"))).unwrap(),
            "{task}"
        );
    }
    let mut table = Vec::new();
    SyntheticGenome::demo().write_landscape(&mut table).unwrap();
    assert!(table == std::fs::read(shipped("landscape.tsv")).unwrap());
}

#[test]
fn every_class_has_its_windows_on_both_strands() {
    let plan = SyntheticGenome::demo();
    let synthetic = plan.generate();
    for class in Class::ALL {
        let windows: Vec<_> = synthetic
            .windows
            .iter()
            .filter(|w| w.class == class)
            .collect();
        assert_eq!(
            windows.len(),
            plan.chromosomes * plan.labelled,
            "{}",
            class.name()
        );
        let reverse = windows.iter().filter(|w| w.reverse).count();
        // 800 of 1,600 expected, standard deviation 20.
        assert!(reverse.abs_diff(windows.len() / 2) < 100, "{reverse}");
    }
    assert!(
        synthetic
            .windows
            .iter()
            .all(|w| w.end - w.start == plan.window && w.end <= plan.length)
    );
}

/// The commonest 8-mer of a class's windows, read on the element's strand, and in how many of them it occurs.
fn commonest(synthetic: &Synthetic, class: Class) -> (Vec<u8>, usize) {
    let mut counts = std::collections::BTreeMap::<Vec<u8>, usize>::new();
    for w in synthetic.windows.iter().filter(|w| w.class == class) {
        let (_, bases) = synthetic
            .chromosomes
            .iter()
            .find(|(n, _)| *n == w.chromosome)
            .unwrap();
        let mut window = bases[w.start..w.end].to_vec();
        if w.reverse {
            window = reverse_complement(&window);
        }
        let mut kmers: Vec<&[u8]> = window.windows(8).collect();
        kmers.sort_unstable();
        kmers.dedup();
        for kmer in kmers {
            *counts.entry(kmer.to_vec()).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, n)| *n).unwrap()
}

#[test]
fn sites_share_their_consensus_and_decoys_share_little() {
    let synthetic = SyntheticGenome::demo().generate();
    let total = synthetic
        .windows
        .iter()
        .filter(|w| w.class == Class::Site)
        .count();
    let (_, in_sites) = commonest(&synthetic, Class::Site);
    let (_, in_decoys) = commonest(&synthetic, Class::Decoy);
    // 0.95^8 = 0.66 of the sites show 8 given consensus bases.
    assert!(in_sites * 10 > total * 6, "{in_sites} of {total}");
    assert!(in_decoys * 10 < total * 3, "{in_decoys} of {total}");
}
