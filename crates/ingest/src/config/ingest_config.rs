//! The `ingest` section of a task.

use std::path::PathBuf;

use lingo_artifact::ByteSize;
use lingo_artifact::bounded::Probability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::downsample::Downsample;
use crate::config::genomes::{GenomeFile, Genomes};
use crate::config::leakage::{Leakage, OnLeak};
use crate::config::negatives::NegativesPlan;
use crate::config::sources::{Aliases, BedLabel, Contigs, Source};
use crate::config::split::{FoldsBy, SplitPlan};
use crate::error::{Error, Result};

/// Where labelled sequences come from, and how they are split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestConfig {
    /// A genome with labelled intervals, or tables of labelled sequences.
    pub source: Source,
    /// What the files of a source on a genome call its sequences, where that is not what the genome calls them.
    #[serde(default, skip_serializing_if = "Contigs::is_empty")]
    pub contigs: Contigs,
    /// BED files of regions that nothing should come from, such as ENCODE's blacklist: rows that share a base with one are left out
    /// and counted, and no genomic negative lies in one. A source on a genome only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blacklist: Vec<GenomeFile>,
    /// Makes negatives where the source gives positives only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives: Option<NegativesPlan>,
    /// How rows are split into train, dev and test; needed unless the source has a file for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitPlan>,
    /// Takes rows out of train where classes have too many. Classes only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downsample: Option<Downsample>,
    /// What the labels are.
    #[serde(default)]
    pub label_kind: LabelKindPlan,
    /// The class names in order. Default: those found, numbers by value, others by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// What is looked for in more than one split. Default: near-duplicates.
    #[serde(default)]
    pub leakage: Leakage,
    /// What happens when a sequence is found in more than one split. Default: warn.
    #[serde(default)]
    pub on_leak: OnLeak,
    /// How many bytes may come out of one gzip file. Default: 16 GiB.
    #[serde(default = "default_limit")]
    pub max_uncompressed_bytes: u64,
    /// How much memory may be taken, such as 2GB. Rows take about 60 bytes each, sequences of tables one byte a base; windows of a
    /// genome are fetched when they are written. Looking for leaks takes about 140 bytes a row beside, and a byte for four bases. A plain FASTA of up to the half is mapped where rows leave room for it, any other read window by window;
    /// a bgzf one that would unpack to more than the half is unpacked block by block. The program itself, its code and its threads,
    /// takes about 45 MB beside. Default: 4GB.
    #[serde(default)]
    pub max_memory: ByteSize,
}

/// What a process takes beside the data that [`IngestConfig::max_memory`] bounds: the pages of the program and its libraries, the stacks
/// and buffers of its threads, the writer of Parquet. The same for any data: a hundred rows take it, too.
pub const PROGRAM_MEMORY: u64 = 45_000_000;

/// 16 GiB: five human genomes in plain text.
pub const DEFAULT_MAX_UNCOMPRESSED_BYTES: u64 = 16 << 30;

fn default_limit() -> u64 {
    DEFAULT_MAX_UNCOMPRESSED_BYTES
}

/// What the labels are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LabelKindPlan {
    /// Classes, and an error when the labels look like measurements.
    #[default]
    Auto,
    /// One of several classes; any text is a class name.
    Classes,
    /// A number.
    Regression,
    /// One 0 or 1 for each class, separated by spaces, commas or semicolons.
    Multilabel,
}

impl IngestConfig {
    /// Checks what can be checked without reading any file.
    ///
    /// # Errors
    /// [`Error::Config`]: what contradicts what.
    pub fn check(&self) -> Result<()> {
        self.source.check(self.split.as_ref())?;
        if !self.contigs.is_empty() && self.genome().is_none() {
            return bad("`contigs` needs a source with a genome");
        }
        if !self.blacklist.is_empty() && self.genome().is_none() {
            return bad("`blacklist` needs a source with a genome");
        }
        if let Some(genomes) = self.genome() {
            genomes.check().map_err(Error::Config)?;
            for file in self.files() {
                file.check(genomes).map_err(Error::Config)?;
            }
        }
        self.check_labels()?;
        self.check_split()?;
        self.check_leakage()?;
        self.check_downsample()?;
        self.check_negatives()
    }

    fn check_labels(&self) -> Result<()> {
        if let Source::PeakMatrix(_) = self.source {
            if self.classes.is_some() {
                return bad(
                    "the classes of a `peak_matrix` are its files: say `names` instead of `classes`",
                );
            }
            if !matches!(
                self.label_kind,
                LabelKindPlan::Auto | LabelKindPlan::Multilabel
            ) {
                return bad("a `peak_matrix` has several labels at once: remove `label_kind`");
            }
        }
        if let Source::Bed(bed) = &self.source
            && matches!(bed.label, BedLabel::Track(_))
        {
            if !matches!(
                self.label_kind,
                LabelKindPlan::Auto | LabelKindPlan::Regression
            ) {
                return bad("a `track` gives numbers: say `label_kind: regression`, or nothing");
            }
            if matches!(bed.fasta, Genomes::Several(_)) {
                return bad("a `track` is of one genome: make a task for each");
            }
            if self.classes.is_some() || self.negatives.is_some() {
                return bad("a `track` gives numbers: `classes` and `negatives` have no meaning");
            }
        }
        if self.classes.is_some() && self.label_kind == LabelKindPlan::Regression {
            return bad("`classes` has no meaning for regression");
        }
        Ok(())
    }

    fn check_split(&self) -> Result<()> {
        match &self.split {
            Some(SplitPlan::Ratios(r)) => check_shares([r.train, r.dev, r.test])?,
            Some(SplitPlan::Clusters(c)) => {
                check_shares([c.train, c.dev, c.test])?;
                if c.jaccard.is_some_and(|jaccard| jaccard.get() == 0.0) {
                    return bad("`clusters.jaccard` of 0 makes all sequences one cluster");
                }
            }
            Some(SplitPlan::Folds(folds)) => {
                if let Some(fold) = folds.fold.filter(|fold| fold.get() > folds.k.get()) {
                    return Err(Error::Config(format!(
                        "`folds.fold` is {fold}, and there are {} folds, from 1 on",
                        folds.k.get()
                    )));
                }
                if folds.by == FoldsBy::Chromosome && self.genome().is_none() {
                    return bad("only a source on a genome has chromosomes to make `folds` by");
                }
            }
            Some(SplitPlan::Chromosomes(c)) => {
                if let Some(both) = c.dev.iter().find(|name| c.test.contains(name)) {
                    return Err(Error::Config(format!(
                        "the chromosome `{both}` is in dev and in test; it can be in one of them"
                    )));
                }
            }
            None => {}
        }
        Ok(())
    }

    fn check_leakage(&self) -> Result<()> {
        match (&self.leakage, self.on_leak) {
            (Leakage::Near(near), _) if near.jaccard.is_some_and(|j| j.get() == 0.0) => {
                return bad("`leakage.near.jaccard` of 0 takes all sequences for nearly the same");
            }
            (Leakage::Unexamined, OnLeak::Drop | OnLeak::Error) => {
                return bad("`on_leak` needs `leakage: exact` or `near`");
            }
            _ => {}
        }
        Ok(())
    }

    fn check_downsample(&self) -> Result<()> {
        let Some(plan) = &self.downsample else {
            return Ok(());
        };
        let track =
            matches!(&self.source, Source::Bed(bed) if matches!(bed.label, BedLabel::Track(_)));
        if track || self.label_kind == LabelKindPlan::Regression {
            return bad("`downsample` needs classes, and the labels are values: remove it");
        }
        if matches!(self.source, Source::PeakMatrix(_))
            || self.label_kind == LabelKindPlan::Multilabel
        {
            return bad(
                "`downsample` needs one class a row, and rows have several labels at once: remove it",
            );
        }
        plan.check()
    }

    fn check_negatives(&self) -> Result<()> {
        if self.negatives.is_some() {
            if !matches!(
                self.source,
                Source::Bed(_) | Source::Gff(_) | Source::IntervalCsv(_)
            ) {
                return bad(
                    "`negatives` needs a `bed`, `gff` or `interval_csv` source: they are drawn from its genome",
                );
            }
            if !matches!(
                self.label_kind,
                LabelKindPlan::Auto | LabelKindPlan::Classes
            ) {
                return bad("`negatives` is a class: it needs `label_kind: classes`");
            }
        }
        Ok(())
    }

    /// The genome, or genomes, in which the examples' intervals are places, where the source has one.
    pub fn genome(&self) -> Option<&Genomes> {
        match &self.source {
            Source::Bed(bed) => Some(&bed.fasta),
            Source::Vcf(source) => Some(&source.fasta),
            Source::Gff(source) => Some(&source.fasta),
            Source::IntervalCsv(source) => Some(&source.fasta),
            Source::PeakMatrix(source) => Some(&source.fasta),
            Source::Csv(_) | Source::LabelledFasta(_) => None,
        }
    }

    /// The files of places in the genome.
    fn files(&self) -> Vec<&GenomeFile> {
        let of_source: Vec<&GenomeFile> = match &self.source {
            Source::Bed(source) => source.beds.iter().collect(),
            Source::Vcf(source) => source.files.iter().collect(),
            Source::Gff(source) => source.files.iter().collect(),
            Source::IntervalCsv(source) => source.tables.iter().map(|t| &t.file).collect(),
            Source::PeakMatrix(source) => source.peaks.iter().collect(),
            Source::Csv(_) | Source::LabelledFasta(_) => Vec::new(),
        };
        of_source
            .into_iter()
            .chain(&self.blacklist)
            .chain(self.exclude())
            .collect()
    }

    /// Where no genomic negative may lie.
    pub(crate) fn exclude(&self) -> &[GenomeFile] {
        match &self.negatives {
            Some(NegativesPlan::Genomic(plan)) => &plan.exclude,
            _ => &[],
        }
    }

    /// Every path of the section, to be resolved against the file that it stands in.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let exclude = match &mut self.negatives {
            Some(NegativesPlan::Genomic(plan)) => &mut plan.exclude[..],
            _ => &mut [],
        };
        let aliases = match &mut self.contigs.aliases {
            Some(Aliases::File(path)) => Some(path),
            Some(Aliases::Map(_)) | None => None,
        };
        let lists = self.blacklist.iter_mut().chain(exclude);
        let lists = lists.filter_map(GenomeFile::path_mut);
        let mut paths = self.source.paths_mut();
        paths.extend(lists);
        paths.extend(aliases);
        paths
    }
}

fn bad<T>(problem: &str) -> Result<T> {
    Err(Error::Config(problem.to_string()))
}

fn check_shares(shares: [Probability; 3]) -> Result<()> {
    let sum: f64 = shares.iter().map(|share| share.get()).sum();
    if (sum - 1.0).abs() > 1e-6 {
        return Err(Error::Config(format!(
            "the shares of train, dev and test add up to {sum}, not to 1"
        )));
    }
    Ok(())
}

/// Every file that the examples are made from.
pub fn input_files(config: &IngestConfig) -> Vec<PathBuf> {
    // One list of the paths, whoever asks.
    let mut config = config.clone();
    config
        .paths_mut()
        .into_iter()
        .map(|path| path.clone())
        .collect()
}

/// Those of [`input_files`] that are not there.
pub fn missing_files(config: &IngestConfig) -> Vec<PathBuf> {
    let mut files = input_files(config);
    files.retain(|path| !path.exists());
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_reads_as_it_is_documented() {
        let config: IngestConfig = serde_json::from_str(
            r#"{
                "source": { "bed": { "fasta": "g.fa", "beds": ["r.bed"], "label": { "column": 5 }, "name_prefix": "H3:" } },
                "split": { "chromosomes": { "dev": ["XV"], "test": ["XVI"] } }
            }"#,
        )
        .unwrap();
        config.check().unwrap();
        assert_eq!(config.max_uncompressed_bytes, 16 << 30);
        let Source::Bed(bed) = &config.source else {
            panic!("{config:?}")
        };
        assert!(bed.stranded && bed.width.is_none());
        let config: IngestConfig = serde_json::from_str(
            r#"{ "source": { "csv": { "train": "a.csv", "dev": "b.csv", "test": "c.csv" } }, "label_kind": "regression" }"#,
        )
        .unwrap();
        config.check().unwrap();
        assert_eq!(config.label_kind, LabelKindPlan::Regression);
        let again: IngestConfig =
            serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn bad_values_do_not_parse() {
        fn t(text: &str, expected: &str) {
            let message = serde_json::from_str::<IngestConfig>(text)
                .unwrap_err()
                .to_string();
            assert!(message.contains(expected), "{message}");
        }
        t(
            r#"{ "source": { "csv": { "trian": "a.csv" } } }"#,
            "unknown field `trian`",
        );
        t(r#"{ "source": { "sam": {} } }"#, "unknown variant `sam`");
        t(
            r#"{ "source": { "bed": { "fasta": "g", "beds": [], "label": { "column": 0 } } } }"#,
            "nonzero",
        );
        t(
            r#"{ "source": { "csv": {} }, "split": { "ratios": { "train": 1.5, "dev": 0, "test": 0 } } }"#,
            "1.5 is out of range",
        );
        t(
            r#"{ "source": { "csv": {} }, "splits": 1 }"#,
            "unknown field `splits`",
        );
    }
}
