//! What only the data shows, looked for before any work begins: at most the head of each file is read.

use std::path::Path;

use crate::config::genomes::{BETWEEN, Genomes};
use crate::config::ingest_config::{IngestConfig, input_files};
use crate::config::sources::{Aliases, Around, BedLabel, Source};
use crate::config::split::{ChromosomeSplit, SplitPlan};
use crate::error::{Error, Result};
use crate::formats::bed::blocks::check_head;
use crate::formats::bed::regions::places_options;
use crate::formats::bed::row::BedOptions;
use crate::formats::{interval_table, labelled_table};
use crate::genome::{fasta_file, reader};
use crate::input::Input;

/// Everything that `ingest` would refuse and that the heads of the files show, all of it rather than the first only.
///
/// Of each input file the packing, and the header of a table or the first row of a BED file are read; of a genome the names
/// of its sequences, where `split: { chromosomes: ... }` needs them and an index or a small file gives them quickly. Nothing is written.
/// Files that are not there are passed over ([`crate::missing_files`] lists them), and so are pipes, which can be read only once.
///
/// An empty list does not mean that `ingest` will succeed: rows behind the first are not looked at.
pub fn preflight(config: &IngestConfig) -> Vec<Error> {
    let limit = config.max_uncompressed_bytes;
    let mut mistakes = Vec::new();
    for path in input_files(config).iter().filter(|path| path.is_file()) {
        if let Err(mistake) = check_file(config, path, limit) {
            mistakes.push(mistake);
        }
    }
    if let (Some(SplitPlan::Chromosomes(plan)), Some(genomes)) = (&config.split, config.genome())
        && genomes.files().iter().all(|(_, fasta)| fasta.is_file())
        // Under other names the genome may have them.
        && config.contigs.aliases.is_none()
    {
        mistakes.extend(unknown_chromosomes(plan, genomes, limit));
    }
    mistakes
}

fn check_file(config: &IngestConfig, path: &Path, limit: u64) -> Result<()> {
    let aliases = |of: &Aliases| matches!(of, Aliases::File(file) if file == path);
    if config.genome().is_some_and(|genomes| genomes.holds(path))
        || config.contigs.aliases.as_ref().is_some_and(aliases)
    {
        return Input::open(path, limit).map(drop);
    }
    let mut lists = config.blacklist.iter().chain(config.exclude());
    if lists.any(|list| list.path() == path) {
        return check_head(path, &places_options(limit));
    }
    match &config.source {
        Source::Bed(bed) => {
            if matches!(&bed.label, BedLabel::Track(track) if track.file == path) {
                return Ok(());
            }
            let options = BedOptions {
                label_column: match &bed.label {
                    BedLabel::Column(column) => Some(*column),
                    BedLabel::PerFile(_) | BedLabel::Track(_) => None,
                },
                name_prefix: bed.name_prefix.clone(),
                stranded: bed.stranded,
                summits: bed.around == Around::Summit,
                limit,
            };
            check_head(path, &options)
        }
        Source::PeakMatrix(_) => {
            let options = BedOptions {
                stranded: false,
                limit,
                ..BedOptions::default()
            };
            check_head(path, &options)
        }
        Source::Csv(csv) => labelled_table::check_header(path, &csv.columns, limit),
        Source::IntervalCsv(_) => interval_table::check_header(path, limit),
        Source::Vcf(_) | Source::Gff(_) | Source::LabelledFasta(_) => {
            Input::open(path, limit).map(drop)
        }
    }
}

/// Chromosomes of the plan that the genome does not have.
fn unknown_chromosomes(plan: &ChromosomeSplit, genomes: &Genomes, limit: u64) -> Vec<Error> {
    let mut names: Vec<String> = Vec::new();
    for (genome, fasta) in genomes.files() {
        let of_file = match fasta_file::quick_names(fasta, limit) {
            Ok(Some(of_file)) => of_file,
            Ok(None) => return Vec::new(),
            // What opening the file says stands among the mistakes already; a stale index does not.
            Err(_) if Input::open(fasta, limit).is_err() => return Vec::new(),
            Err(e) => return vec![e],
        };
        names.extend(of_file.into_iter().map(|name| match genome {
            Some(genome) => format!("{genome}{BETWEEN}{name}"),
            None => name,
        }));
    }
    // Of several genomes a name that one only has needs no genome's before it.
    let known = |name: &String| {
        let bare = |known: &&String| {
            let of_genome = known.split_once(BETWEEN);
            matches!(genomes, Genomes::Several(_)) && of_genome.is_some_and(|(_, n)| n == name)
        };
        names.contains(name) || names.iter().filter(bare).count() == 1
    };
    plan.dev
        .iter()
        .chain(&plan.test)
        .filter(|name| !known(name))
        .map(|name| {
            let shown = genomes.shown();
            let why = reader::unknown_sequence(&shown, names.iter().map(String::as_str), name);
            let meant = names
                .iter()
                .find(|known| known.eq_ignore_ascii_case(name))
                .or_else(|| names.iter().find(|known| one_typo(known, name)))
                .map_or(String::new(), |known| format!("; did you mean `{known}`?"));
            Error::Config(format!("split.chromosomes: {why}{meant}"))
        })
        .collect()
}

/// Whether one letter more, less or other, or two neighbours swapped, make one name the other. Digits do not count: who writes chr33
/// does not mean chr3. Neither does another last letter: chrY is not chrX misspelt.
fn one_typo(known: &str, name: &str) -> bool {
    let (a, b) = (known.as_bytes(), name.as_bytes());
    let same_start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    match (&a[same_start..], &b[same_start..]) {
        ([x, a @ ..], [y, b @ ..]) if a == b => {
            !a.is_empty() && !x.is_ascii_digit() && !y.is_ascii_digit()
        }
        ([more, rest @ ..], other) | (other, [more, rest @ ..]) if rest == other => {
            !more.is_ascii_digit()
        }
        ([p, q, a @ ..], [r, s, b @ ..]) => p == s && q == r && a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What is told about a source in a folder with these files; `{}` in the section is the folder.
    fn t(files: &[(&str, &str)], section: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let mut config: IngestConfig = serde_json::from_str(section).unwrap();
        for path in config.paths_mut() {
            *path = folder.path().join(&*path);
        }
        let before = fs::read_dir(folder.path()).unwrap().count();
        let told = preflight(&config).iter().map(ToString::to_string).collect();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
        told
    }

    const GENOME: (&str, &str) = ("g.fa", ">chr1 first\nACGT\n>chr2\nACGT\n>chrX\nAC\n");

    fn bed(label: &str, dev: &str, test: &str) -> String {
        format!(
            r#"{{ "source": {{ "bed": {{ "fasta": "g.fa", "beds": ["r.bed"], "label": {label} }} }},
                 "split": {{ "chromosomes": {{ "dev": ["{dev}"], "test": ["{test}"] }} }} }}"#
        )
    }

    #[test]
    fn sound_files_pass() {
        let files = [
            GENOME,
            ("r.bed", "# made by hand\ntrack name=x\nchr1\t0\t2\tyes\n"),
        ];
        assert_eq!(
            t(&files, &bed(r#"{ "column": 4 }"#, "chr1", "chrX")),
            [""; 0]
        );
        let csv = r#"{ "source": { "csv": { "file": "a.csv" } },
            "split": { "ratios": { "train": 0.8, "dev": 0.1, "test": 0.1 } } }"#;
        assert_eq!(t(&[("a.csv", "sequence,label\nACGT,1\n")], csv), [""; 0]);
    }

    #[test]
    fn files_that_are_not_there_are_left_to_others() {
        assert_eq!(t(&[], &bed(r#"{ "column": 4 }"#, "chr1", "chr2")), [""; 0]);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let files = [GENOME, ("r.bed", "# a comment\nchr1\t0\t2\ta\t0\t+\t7\n")];
        let told = t(&files, &bed(r#"{ "column": 17 }"#, "chrx", "1"));
        assert_eq!(told.len(), 3, "{told:#?}");
        assert!(
            told[0].contains("r.bed:2: 7 columns where the label is in column 17"),
            "{told:#?}"
        );
        assert!(told[1].contains("no sequence `chrx`"), "{told:#?}");
        assert!(told[1].ends_with("did you mean `chrX`?"), "{told:#?}");
        assert!(told[2].contains("there is `chr1`"), "{told:#?}");
    }

    #[test]
    fn headers_of_tables_are_read() {
        let csv = r#"{ "source": { "csv": { "file": "a.csv" } },
            "split": { "ratios": { "train": 0.8, "dev": 0.1, "test": 0.1 } } }"#;
        let missing = |header: &str, column: &str| {
            let told = t(&[("a.csv", header)], csv);
            assert_eq!(told.len(), 1, "{told:#?}");
            let expected = format!("the column `{column}` is missing");
            assert!(told[0].contains(&expected), "{told:#?}");
        };
        missing("seq,label\nACGT,1\n", "sequence");
        missing("sequence,class\nACGT,1\n", "label");
        missing("sequence1,label\nACGT,1\n", "sequence2");
        let told = t(&[("a.csv", "")], csv);
        assert!(told[0].contains("the file is empty"), "{told:#?}");
        let intervals = r#"{ "source": { "interval_csv": { "fasta": "g.fa", "tables": [{ "file": "t.csv", "class": "a" }] } } }"#;
        let told = t(&[GENOME, ("t.csv", "id,region,start,end\n")], intervals);
        assert!(
            told[0].contains("the column `strand` is missing"),
            "{told:#?}"
        );
    }

    #[test]
    fn packings_that_are_not_read_are_told_once() {
        let files = [("g.fa", "BZh91AY&SY"), ("r.bed", "chr1\t0\t2\tyes\n")];
        let told = t(&files, &bed(r#"{ "column": 4 }"#, "chr1", "chr2"));
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].contains("this is bzip2"), "{told:#?}");
    }

    #[test]
    fn a_typo_is_a_letter_and_not_another_number() {
        assert!(!one_typo("chr1", "chr11") && !one_typo("chr3", "chr33"));
        assert!(one_typo("chr1", "hcr1") && one_typo("chr1", "chz1"));
        assert!(one_typo("chr1", "cr1") && one_typo("chr1", "chrr1"));
        assert!(!one_typo("chr1", "chr9") && !one_typo("chr1", "scaffold"));
    }
}
