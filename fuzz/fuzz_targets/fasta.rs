//! A FASTA is read or refused; what is read has the bases that its lengths say, by the map as by the whole, on both strands.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingo_artifact::sequence_source::SequenceSource as _;
use lingo_ingest::Genome;

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("lingo-fuzz-fasta-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let path = folder.join("g.fa");
    let _ = std::fs::remove_file(folder.join("g.fa.fai"));
    std::fs::write(&path, bytes).expect("a temporary file");
    let mut seen = None;
    // The first opening makes the index, the second uses it.
    for _ in 0..2 {
        let Ok(genome) = Genome::open(&path, 1 << 20) else {
            assert!(seen.is_none(), "its own index is refused");
            continue;
        };
        let mut all = Vec::new();
        for (name, length) in genome.sequences() {
            let bases = genome
                .bases(name, 0, *length)
                .expect("a sequence that was counted");
            assert_eq!(bases.len() as u64, *length);
            assert!(bases.iter().all(|b| b"ACGTRYSWKMBDHVN".contains(b)));
            let half = genome.bases(name, length / 2, *length).expect("a part");
            assert_eq!(half, &bases[(length / 2) as usize..]);
            all.push(bases.into_owned());
        }
        assert!(seen.is_none_or(|seen| seen == all));
        seen = Some(all);
    }
});
