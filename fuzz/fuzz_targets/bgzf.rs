//! A packed FASTA is read or refused, within its limit of bytes; read block by block it is the same as read whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lingo_artifact::ByteSize;
use lingo_artifact::sequence_source::SequenceSource as _;
use lingo_ingest::Genome;

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("lingo-fuzz-bgzf-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let path = folder.join("g.fa.gz");
    // What is no gzip is read as plain text, and leaves an index that the next input must not find.
    let _ = std::fs::remove_file(folder.join("g.fa.gz.fai"));
    // A head of bgzf in front of whatever comes finds the reader's inside sooner.
    let head = [
        0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, b'B', b'C', 2, 0,
    ];
    let text = match bytes.split_first() {
        Some((1, rest)) => [&head, rest].concat(),
        _ => bytes.to_vec(),
    };
    std::fs::write(&path, &text).expect("a temporary file");
    let whole = Genome::open(&path, 1 << 22);
    let blocks = Genome::open_by_blocks(&path, 1 << 22);
    if let (Ok(whole), Ok(blocks)) = (&whole, &blocks) {
        assert_eq!(whole.sequences(), blocks.sequences());
        for (name, length) in whole.sequences() {
            let expected = whole
                .bases(name, 0, *length)
                .expect("a sequence that was counted");
            assert_eq!(
                blocks.bases(name, 0, *length).expect("the same sequence"),
                expected
            );
        }
    }
    let _ = Genome::open_within(&path.into(), 1 << 22, ByteSize::LEAST);
});
