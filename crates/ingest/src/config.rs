//! The `ingest` section of a task.

use std::num::NonZeroU32;
use std::path::PathBuf;

use lingo_artifact::ByteSize;
use lingo_artifact::bounded::Probability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sources::{
    GffSource, IntervalCsvSource, LabelledFastaSource, PeakMatrixSource, VcfSource,
};
use crate::{Error, Result};

/// Where labelled sequences come from, and how they are split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestConfig {
    /// A genome with labelled intervals, or tables of labelled sequences.
    pub source: Source,
    /// Makes negatives where the source gives positives only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negatives: Option<NegativesPlan>,
    /// How rows are split into train, dev and test; needed unless the source has a file for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitPlan>,
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
    /// genome are fetched when they are written. A plain FASTA of up to the half is mapped, a larger one read window by window;
    /// a bgzf one that would unpack to more than the half is unpacked block by block. Default: 4GB.
    #[serde(default)]
    pub max_memory: ByteSize,
}

/// 16 GiB: five human genomes in plain text.
pub const DEFAULT_MAX_UNCOMPRESSED_BYTES: u64 = 16 << 30;

fn default_limit() -> u64 {
    DEFAULT_MAX_UNCOMPRESSED_BYTES
}

/// The kind of source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Intervals of a genome.
    Bed(BedSource),
    /// Tables of sequences, CSV or TSV, in the layout of GUE.
    Csv(CsvSource),
    /// Variants of a genome, as pairs of sequences.
    Vcf(VcfSource),
    /// Windows around the features of an annotation, GFF3 or GTF.
    Gff(GffSource),
    /// Tables of intervals of a genome, CSV or TSV, in the layout of Genomic Benchmarks.
    IntervalCsv(IntervalCsvSource),
    /// FASTA whose headers carry the label.
    LabelledFasta(LabelledFastaSource),
    /// Many peak files as one matrix of labels on bins of a genome.
    PeakMatrix(PeakMatrixSource),
}

/// Labelled intervals of a genome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BedSource {
    /// The genome: FASTA, plain, gzip or bgzf.
    pub fasta: PathBuf,
    /// The intervals: BED3 to BED12 or narrowPeak, plain, gzip or bgzf.
    pub beds: Vec<PathBuf>,
    /// Where the label of an interval is.
    pub label: BedLabel,
    /// Takes only rows whose name (column 4) begins so, such as `H3:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_prefix: Option<String>,
    /// Resizes each interval to so many bases around its centre: it begins at floor((start + end - width) / 2).
    /// A window that would leave its chromosome is dropped and counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<NonZeroU32>,
    /// Whether an interval on the minus strand (column 6) is read as its reverse complement.
    #[serde(default = "yes")]
    pub stranded: bool,
}

fn yes() -> bool {
    true
}

/// Where the label of an interval is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BedLabel {
    /// In a column of the BED file; columns count from 1.
    Column(NonZeroU32),
    /// One for each BED file, in the order of `beds`.
    PerFile(Vec<String>),
}

/// Tables with a header: `sequence,label`, or `sequence1,sequence2,label` for pairs.
///
/// Either `train`, `dev` and `test`, or one `file` and a split plan. `.tsv` (also `.tsv.gz`) is read with tabs, all else with commas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvSource {
    /// The training rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<PathBuf>,
    /// The rows that select the checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<PathBuf>,
    /// The rows that the report shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// All rows in one file, to be split by `split.ratios`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// How rows are split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SplitPlan {
    /// By chromosome: no two splits share a piece of the genome.
    Chromosomes(ChromosomeSplit),
    /// At random, each class apart, so that every split has the same share of it.
    Ratios(RatioSplit),
    /// Cross-validation: the rows in k parts, each of them test once.
    Folds(FoldSplit),
    /// At random, whole clusters of similar sequences at a time, so that none has a part in two splits.
    Clusters(ClusterSplit),
}

/// Cross-validation. Of fold i, part i is test, the next part (after the last the first) dev, and the others train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FoldSplit {
    /// How many parts.
    pub k: Folds,
    /// What stays together.
    #[serde(default)]
    pub by: FoldsBy,
    /// The same seed gives the same parts. Default: 0.
    #[serde(default)]
    pub seed: u64,
    /// Which fold, from 1 to k. A task of a pipeline file without it becomes k tasks, `name.fold-1` to `name.fold-k`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<NonZeroU32>,
}

/// A number of folds: 3 to 100, because test, dev and train are three parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Folds(u32);

impl Folds {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Folds {
    type Error = String;

    fn try_from(k: u32) -> std::result::Result<Self, String> {
        if (3..=100).contains(&k) {
            Ok(Self(k))
        } else {
            Err(format!(
                "{k} folds: from 3 to 100 are needed, one part for test, one for dev, the others for train"
            ))
        }
    }
}

impl From<Folds> for u32 {
    fn from(k: Folds) -> Self {
        k.0
    }
}

impl JsonSchema for Folds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Folds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 3, "maximum": 100 })
    }
}

/// What stays together in cross-validation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoldsBy {
    /// Nothing; every part has the same share of each class.
    #[default]
    Class,
    /// Chromosomes; the parts are as even as they allow.
    Chromosome,
}

/// Shares of the splits, which are filled with whole clusters; large clusters go first, so that shares may be missed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSplit {
    /// Share of train; the three shares add up to 1.
    pub train: Probability,
    /// Share of dev.
    pub dev: Probability,
    /// Share of test.
    pub test: Probability,
    /// Sequences whose 15-mers have at least this Jaccard index, on whichever strand, are of one cluster, and so are those that they are
    /// linked to. Estimated from 32 hashes of each. Default: 0.5, about 97 % identity.
    #[serde(default = "half")]
    pub jaccard: Probability,
    /// The same seed gives the same splits. Default: 0.
    #[serde(default)]
    pub seed: u64,
}

/// What is looked for in more than one split, on either strand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leakage {
    /// Nothing is looked at: no audit, and the sequences are read once only.
    Unexamined,
    /// The same sequences.
    Exact,
    /// The same sequences, and those that are nearly the same.
    Near(NearLeakage),
}

impl Default for Leakage {
    fn default() -> Self {
        Self::Near(NearLeakage::default())
    }
}

/// What is nearly the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NearLeakage {
    /// The least Jaccard index of the 15-mers. Estimated from 32 hashes of each sequence. Default: 0.5, about 97 % identity.
    #[serde(default = "half")]
    pub jaccard: Probability,
}

impl Default for NearLeakage {
    fn default() -> Self {
        Self { jaccard: half() }
    }
}

fn half() -> Probability {
    Probability::of_percent(50)
}

/// What happens when a sequence is found in more than one split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLeak {
    /// It is told, here and in the report.
    #[default]
    Warn,
    /// Its rows are taken out of train, or out of dev when they are in dev and test: what the report shows stays whole.
    Drop,
    /// It is an error.
    Error,
}

/// How negatives are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NegativesPlan {
    /// Random windows of the genome, of the length and about the GC of a positive, away from all positives, from gaps (no N) and from
    /// one another, on a random strand.
    Genomic(GenomicNegatives),
    /// The positives with their bases shuffled so that every dinucleotide stays (Altschul and Erickson 1985).
    Shuffle(ShuffledNegatives),
}

/// Random windows of the genome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GenomicNegatives {
    /// How many for each positive. Default: 1.
    #[serde(default = "one")]
    pub per_positive: NonZeroU32,
    /// By how much the share of G and C may differ from the positive's. Default: 0.02.
    #[serde(default = "two_percent")]
    pub gc_tolerance: Probability,
    /// So many bases lie at least between a negative and a positive. Default: 0.
    #[serde(default)]
    pub margin: u64,
    /// The label of negatives. Default: negative.
    #[serde(default = "negative")]
    pub label: String,
    /// The same seed gives the same windows. Default: 0.
    #[serde(default)]
    pub seed: u64,
}

/// Shuffled positives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShuffledNegatives {
    /// How many for each positive. Default: 1.
    #[serde(default = "one")]
    pub per_positive: NonZeroU32,
    /// The label of negatives. Default: negative.
    #[serde(default = "negative")]
    pub label: String,
    /// The same seed gives the same sequences. Default: 0.
    #[serde(default)]
    pub seed: u64,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn two_percent() -> Probability {
    Probability::of_percent(2)
}

fn negative() -> String {
    "negative".into()
}

/// Which chromosomes go where; all others are for training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChromosomeSplit {
    /// Chromosomes of dev.
    pub dev: Vec<String>,
    /// Chromosomes of test.
    pub test: Vec<String>,
}

/// Shares of the splits, and the seed that says which row goes where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RatioSplit {
    /// Share of train; the three shares add up to 1.
    pub train: Probability,
    /// Share of dev.
    pub dev: Probability,
    /// Share of test.
    pub test: Probability,
    /// The same seed gives the same splits. Default: 0.
    #[serde(default)]
    pub seed: u64,
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
        let bad = |problem: &str| Err(Error::Config(problem.to_string()));
        match &self.source {
            Source::Bed(bed) => {
                if bed.beds.is_empty() {
                    return bad("`beds` names no file");
                }
                if let BedLabel::PerFile(names) = &bed.label
                    && names.len() != bed.beds.len()
                {
                    return Err(Error::Config(format!(
                        "`label.per_file` has {} names for {} BED files; it needs one for each",
                        names.len(),
                        bed.beds.len()
                    )));
                }
                if self.split.is_none() {
                    return bad("a `bed` source needs `split`: by `chromosomes` or by `ratios`");
                }
            }
            Source::Csv(csv) => {
                let given = [&csv.train, &csv.dev, &csv.test].map(Option::is_some);
                match (given, csv.file.is_some(), &self.split) {
                    ([true, true, true], false, None) => {}
                    ([true, true, true], false, Some(_)) => {
                        return bad(
                            "`train`, `dev` and `test` are given: `split` has nothing to do; remove it",
                        );
                    }
                    (
                        [false, false, false],
                        true,
                        Some(SplitPlan::Ratios(_) | SplitPlan::Folds(_) | SplitPlan::Clusters(_)),
                    ) => {}
                    ([false, false, false], true, _) => {
                        return bad(
                            "a `csv` source with one `file` needs `split: { ratios: ... }`, `folds` or `clusters`",
                        );
                    }
                    _ => {
                        return bad(
                            "a `csv` source needs `train`, `dev` and `test`, or else one `file`",
                        );
                    }
                }
            }
            Source::Vcf(source) => source.check(self.split.as_ref())?,
            Source::Gff(source) => source.check(self.split.as_ref())?,
            Source::IntervalCsv(source) => source.check(self.split.as_ref())?,
            Source::LabelledFasta(source) => source.check(self.split.as_ref())?,
            Source::PeakMatrix(source) => {
                source.check(self.split.as_ref())?;
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
        }
        match &self.split {
            Some(SplitPlan::Ratios(r)) => check_shares([r.train, r.dev, r.test])?,
            Some(SplitPlan::Clusters(c)) => {
                check_shares([c.train, c.dev, c.test])?;
                if c.jaccard.get() == 0.0 {
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
                if folds.by == FoldsBy::Chromosome && !matches!(self.source, Source::Bed(_)) {
                    return bad("only a `bed` source has chromosomes to make `folds` by");
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
        match (&self.leakage, self.on_leak) {
            (Leakage::Near(near), _) if near.jaccard.get() == 0.0 => {
                return bad("`leakage.near.jaccard` of 0 takes all sequences for nearly the same");
            }
            (Leakage::Unexamined, OnLeak::Drop | OnLeak::Error) => {
                return bad("`on_leak` needs `leakage: exact` or `near`");
            }
            _ => {}
        }
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
        if self.classes.is_some() && self.label_kind == LabelKindPlan::Regression {
            return bad("`classes` has no meaning for regression");
        }
        Ok(())
    }

    /// Every path of the section, to be resolved against the file that it stands in.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        match &mut self.source {
            Source::Bed(bed) => std::iter::once(&mut bed.fasta)
                .chain(&mut bed.beds)
                .collect(),
            Source::Csv(csv) => [&mut csv.train, &mut csv.dev, &mut csv.test, &mut csv.file]
                .into_iter()
                .flatten()
                .collect(),
            Source::Vcf(source) => source.paths_mut(),
            Source::Gff(source) => source.paths_mut(),
            Source::IntervalCsv(source) => source.paths_mut(),
            Source::LabelledFasta(source) => source.paths_mut(),
            Source::PeakMatrix(source) => source.paths_mut(),
        }
    }
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
