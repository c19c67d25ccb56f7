use std::fs;
use std::io::Write as _;

use lingo_artifact::Strand;
use proptest::prelude::*;

use crate::extract;
use crate::formats::bed::row::BedRow;
use crate::genome::bgzf_blocks::Blocks;
use crate::genome::fasta;
use crate::genome::reader::*;
use crate::input::Input;

const LIMIT: u64 = 1 << 24;

/// How a FASTA is written: all ways must read as the same bases.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Lines(usize, &'static str),
    OneLine,
    Ragged,
    Gzip,
    Bgzf,
}

fn layout() -> impl Strategy<Value = Layout> {
    prop_oneof![
        (1..12usize).prop_map(|n| Layout::Lines(n, "\n")),
        (1..12usize).prop_map(|n| Layout::Lines(n, "\r\n")),
        Just(Layout::OneLine),
        Just(Layout::Ragged),
        Just(Layout::Gzip),
        Just(Layout::Bgzf),
    ]
}

fn text(sequences: &[String], layout: Layout, final_newline: bool) -> String {
    let mut text = String::new();
    for (i, sequence) in sequences.iter().enumerate() {
        let newline = if let Layout::Lines(_, newline) = layout {
            newline
        } else {
            "\n"
        };
        text.push_str(&format!(">s{i} described{newline}"));
        let mut at = 0;
        let mut line = 0;
        while at < sequence.len() {
            line += 1;
            let width = match layout {
                Layout::Lines(n, _) => n,
                Layout::OneLine => sequence.len(),
                Layout::Ragged => 1 + (line * 5 + i) % 7,
                Layout::Gzip | Layout::Bgzf => 4,
            };
            let end = sequence.len().min(at + width);
            text.push_str(&sequence[at..end]);
            text.push_str(newline);
            at = end;
        }
    }
    if !final_newline {
        text.truncate(text.trim_end().len());
    }
    text
}

fn pack(text: &str, layout: Layout) -> Vec<u8> {
    match layout {
        Layout::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        Layout::Bgzf => {
            let mut writer = noodles::bgzf::io::Writer::new(Vec::new());
            writer.write_all(text.as_bytes()).unwrap();
            writer.finish().unwrap()
        }
        _ => text.as_bytes().to_vec(),
    }
}

fn row(chrom: usize, start: usize, end: usize, strand: Strand) -> BedRow {
    BedRow {
        summit: None,
        line: 1,
        chrom: format!("s{chrom}"),
        start: start as u64,
        end: end as u64,
        name: None,
        strand,
        label: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn extraction_equals_a_naive_slice(
        sequences in proptest::collection::vec("[ACGTUNRYKMacgtunry]{1,60}", 1..4),
        layout in layout(),
        final_newline: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.fa");
        std::fs::write(&path, pack(&text(&sequences, layout, final_newline), layout)).unwrap();
        // The first opening makes the index, the second uses it.
        let whole = matches!(layout, Layout::Gzip | Layout::Ragged);
        for most in [LIMIT, LIMIT, 0] {
            // With no memory at all the file is read window by window or block by block, where that can be done.
            let opened = Genome::open_with_cache(&path, LIMIT, most, None);
            if most == 0 && whole {
                // Ragged lines of few bases may happen to be regular.
                prop_assert!(layout_is_ragged(layout) || opened.is_err());
            }
            let Ok(genome) = opened else {
                prop_assert!(most == 0 && whole);
                continue;
            };
            for (i, sequence) in sequences.iter().enumerate() {
                let normal = sequence.to_uppercase().replace('U', "T");
                prop_assert_eq!(&genome.sequences()[i], &(format!("s{i}"), sequence.len() as u64));
                let n = sequence.len();
                for (start, end) in [(0, n), (0, 1), (n - 1, n), (n / 3, n / 3 + 1), (n / 4, n - n / 4)] {
                    for strand in [Strand::Forward, Strand::Reverse, Strand::Unknown] {
                        let rows = [row(i, start, end, strand)];
                        let made = extract(&genome, &path, &rows, None).unwrap().windows.remove(0).sequence;
                        let slice = &normal.as_bytes()[start..end];
                        let expected = match strand {
                            Strand::Reverse => crate::iupac::reverse_complement(slice),
                            _ => slice.to_vec(),
                        };
                        prop_assert_eq!(made.as_bytes(), &expected[..]);
                    }
                }
                let beyond = genome.bases(&genome.sequences()[i].0, 0, n as u64 + 1);
                prop_assert!(beyond.is_err());
            }
        }
        let indexable = !matches!(layout, Layout::Gzip | Layout::Bgzf | Layout::Ragged);
        prop_assert!(crate::genome::fai::beside(&path).exists() || !indexable);
    }
}

fn layout_is_ragged(layout: Layout) -> bool {
    matches!(layout, Layout::Ragged)
}

#[test]
fn what_does_not_fit_says_what_would() {
    fn t(layout: Layout, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.fa");
        let sequence = "ACGT".repeat(20);
        std::fs::write(&path, pack(&text(&[sequence], layout, true), layout)).unwrap();
        let message = Genome::open_with_cache(&path, LIMIT, 10, None)
            .unwrap_err()
            .to_string();
        for expected in expected {
            assert!(message.contains(expected), "{message}");
        }
    }
    t(
        Layout::Gzip,
        &["gzip can only be unpacked whole", "more than 10 B", "bgzip"],
    );
    t(
        Layout::Ragged,
        &["its lines are of several lengths", "raise max_memory"],
    );
}

#[test]
fn a_file_that_is_cut_under_its_map_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.fa");
    fs::write(&path, ">a\nACGT\nACGT\n").unwrap();
    let genome = Genome::open_with_cache(&path, LIMIT, LIMIT, None).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(5).unwrap();
    let message = genome.bases("a", 0, 8).unwrap_err().to_string();
    assert!(
        message.contains("the file was cut from 13 to 5 bytes"),
        "{message}"
    );
}

#[test]
fn the_index_equals_that_of_pyfaidx() {
    // pyfaidx 0.9.2 on the same file: name, length, offset, line bases, line width.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.fa");
    fs::write(&path, ">a first\nACGT\nAC\n\n>b\r\nACG\r\nTT\r\n>c\nGGGG").unwrap();
    Genome::open_with_cache(&path, LIMIT, LIMIT, None).unwrap();
    assert_eq!(
        fs::read_to_string(crate::genome::fai::beside(&path)).unwrap(),
        "a\t6\t9\t4\t5\nb\t5\t22\t3\t5\nc\t4\t34\t4\t4\n"
    );
}

#[test]
#[cfg(unix)]
fn nothing_is_written_beside_a_read_only_file() {
    use std::os::unix::fs::PermissionsExt as _;
    for protect_folder in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let path = data.join("g.fa");
        fs::write(&path, ">a\nACGTAC\nGT\n").unwrap();
        let (protected, mode) = if protect_folder {
            (&data, 0o555)
        } else {
            (&path, 0o444)
        };
        fs::set_permissions(protected, fs::Permissions::from_mode(mode)).unwrap();
        let open = || Genome::open_with_cache(&path, LIMIT, LIMIT, Some(cache.path())).unwrap();
        assert_eq!(&*open().bases("a", 4, 8).unwrap(), b"ACGT");
        assert!(!crate::genome::fai::beside(&path).exists());
        let kept = crate::genome::fai::cached(cache.path(), &path).unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), "a\t8\t3\t6\t7\n");
        assert_eq!(&*open().bases("a", 4, 8).unwrap(), b"ACGT");
        // A kept index that does not fit is made again in silence.
        fs::write(&kept, "a\t9\t3\t6\t7\n").unwrap();
        assert_eq!(&*open().bases("a", 4, 8).unwrap(), b"ACGT");
        assert_eq!(fs::read_to_string(&kept).unwrap(), "a\t8\t3\t6\t7\n");
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_file_that_changes_under_its_index_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.fa");
    fs::write(&path, ">a\nACGT\nACGT\n").unwrap();
    let genome = Genome::open_with_cache(&path, LIMIT, LIMIT, None).unwrap();
    fs::write(&path, ">a\nA\nC\nGTACGT\n").unwrap();
    let message = genome.bases("a", 0, 8).unwrap_err().to_string();
    assert!(
        message.contains("g.fa.fai: this index is not of"),
        "{message}"
    );
}

#[test]
fn an_index_does_not_hide_that_a_name_occurs_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.fa");
    std::fs::write(&path, ">a\nACGT\n>a\nTTTT\n").unwrap();
    std::fs::write(
        folder.path().join("g.fa.fai"),
        "a\t4\t3\t4\t5\na\t4\t11\t4\t5\n",
    )
    .unwrap();
    let message = Genome::open(&path, LIMIT).unwrap_err().to_string();
    assert!(message.contains("it names `a` twice"), "{message}");
}

/// `noodles` writes what `bgzip` writes.
fn bgzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = noodles::bgzf::io::Writer::new(Vec::new());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_sequence_without_bases_is_told_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.fa");
    for (text, line) in [
        (">a\n>b\nACGT\n>c\nGG\n", 1),
        (">b\nACGT\n>a x\n\n>c\nGG\n", 3),
        (">b\nACGT\n>c\nGG\n>a", 5),
    ] {
        for packed in [text.as_bytes().to_vec(), bgzip(text.as_bytes())] {
            for most in [0, 1 << 20] {
                // A second time: what the first leaves behind must not hide it.
                for _ in 0..2 {
                    std::fs::write(&path, &packed).unwrap();
                    let genome = Genome::open_with_cache(&path, 1 << 20, most, None).unwrap();
                    let names: Vec<&str> =
                        genome.sequences().iter().map(|s| s.0.as_str()).collect();
                    assert_eq!(names, ["b", "c"]);
                    assert_eq!(&*genome.bases("c", 0, 2).unwrap(), b"GG");
                    let [warning] = genome.warnings()[..] else {
                        panic!("{:?}", genome.warnings())
                    };
                    let expected = format!("g.fa:{line}: the sequence `a` has no bases");
                    assert!(warning.contains(&expected), "{warning}");
                }
            }
        }
    }
}

#[test]
fn bgzf_without_its_end_block_is_read_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.fa.gz");
    let text = format!(">a\n{}>b\nGGCC\n", "ACGTTGCAAG\n".repeat(20_000));
    let whole = bgzip(text.as_bytes());
    std::fs::write(&path, &whole[..whole.len() - 28]).unwrap();
    for most in [0, 1 << 20] {
        let genome = Genome::open_with_cache(&path, 1 << 20, most, None).unwrap();
        assert_eq!(genome.length("a"), Some(200_000));
        assert_eq!(&*genome.bases("b", 0, 4).unwrap(), b"GGCC");
        assert!(genome.warnings()[0].contains("2 sequences were read"));
    }
}

#[test]
fn an_index_of_a_packed_genome_is_used_and_held_against_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.fa.gz");
    let text = format!(">a\n{}>b\nGGCC\n", "ACGTTGCAAG\n".repeat(40_000));
    std::fs::write(&path, bgzip(text.as_bytes())).unwrap();
    let open = || Genome::open_with_cache(&path, 1 << 20, 0, None);
    let bases = |genome: &Genome| genome.bases("a", 199_995, 300_012).unwrap().into_owned();
    let expected = bases(&open().unwrap());
    // As samtools faidx writes both.
    let fai = "a\t400000\t3\t10\t11\nb\t4\t440006\t4\t5\n";
    std::fs::write(folder.path().join("g.fa.gz.fai"), fai).unwrap();
    let mut gzi = Vec::new();
    let blocks = Blocks::of_file(&path).unwrap();
    let starts = blocks.starts_behind_the_first();
    assert!(starts.len() > 3);
    gzi.extend((starts.len() as u64).to_le_bytes());
    for (packed, unpacked) in starts {
        gzi.extend(packed.to_le_bytes());
        gzi.extend(unpacked.to_le_bytes());
    }
    std::fs::write(folder.path().join("g.fa.gz.gzi"), gzi).unwrap();
    let genome = open().unwrap();
    assert_eq!(bases(&genome), expected);
    assert_eq!(&*genome.bases("b", 1, 4).unwrap(), b"GCC");
    let other = fai.replace("400000", "399990");
    std::fs::write(folder.path().join("g.fa.gz.fai"), other).unwrap();
    let message = open().unwrap_err().to_string();
    assert!(message.contains("this index is not of"), "{message}");
}

#[test]
fn a_chromosome_on_one_line_is_read_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.fa");
    // The parts are of 1 MiB, and one ends between the two bytes of a line end.
    for (bases, end) in [
        (3 << 20, "\n"),
        ((1 << 20) - 1, "\r\n"),
        ((1 << 20) - 3, "\r\n"),
        (1 << 20, ""),
    ] {
        let line: String = (0..bases)
            .map(|i| ['A', 'C', 'G', 'T'][i * 7 % 11 % 4])
            .collect();
        let text = format!(">a\n{line}\n>b\n{line}{end}");
        std::fs::write(&path, &text).unwrap();
        let _ = std::fs::remove_file(folder.path().join("g.fa.fai"));
        let genome = Genome::open_with_cache(&path, 1 << 30, 1 << 30, None).unwrap();
        for name in ["a", "b"] {
            assert_eq!(genome.length(name), Some(bases as u64));
            let found = genome.bases(name, 0, bases as u64).unwrap();
            assert!(*found == *line.as_bytes());
        }
        let mut scanned = Input::open(&path, 1 << 30).unwrap();
        let scan = fasta::scan(&mut scanned, Some(1 << 30)).unwrap();
        assert!(scan.regular && scan.records[1].bases == line.as_bytes());
    }
    let mut text = format!(">a\n{}", "A".repeat(5 << 20)).into_bytes();
    text[(4 << 20) + 3] = b'!';
    std::fs::write(&path, text).unwrap();
    let _ = std::fs::remove_file(folder.path().join("g.fa.fai"));
    let message = Genome::open_with_cache(&path, 1 << 30, 0, None)
        .unwrap_err()
        .to_string();
    assert!(message.contains("g.fa:2: column 4194305: "), "{message}");
}
