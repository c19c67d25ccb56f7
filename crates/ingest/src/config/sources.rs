//! The sources, as the `ingest` section names them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use lingo_artifact::Split;
use lingo_artifact::bounded::{Probability, Rate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::genomes::{GenomeFile, Genomes};

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
    /// The genome, FASTA, plain, gzip or bgzf; or several: `{ hg38: hg38.fa, mm10: mm10.fa }`.
    pub fasta: Genomes,
    /// The intervals: BED3 to BED12 or narrowPeak, plain, gzip or bgzf.
    pub beds: Vec<GenomeFile>,
    /// Where the label of an interval is.
    pub label: BedLabel,
    /// Takes only rows whose name (column 4) begins so, such as `H3:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_prefix: Option<String>,
    /// Resizes each interval to so many bases around its centre: it begins at floor((start + end - width) / 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<NonZeroU32>,
    /// What the window of `width` lies around. Default: the middle of the interval.
    #[serde(default, skip_serializing_if = "is_default")]
    pub around: Around,
    /// What to do with a window that would leave its chromosome. Default: it is left out and counted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub beyond_end: BeyondEnd,
    /// Whether an interval on the minus strand (column 6) is read as its reverse complement.
    #[serde(default = "yes")]
    pub stranded: bool,
}

/// What a window lies around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Around {
    /// The middle of the interval.
    #[default]
    Middle,
    /// The summit of a narrowPeak (column 10, from its start); the middle where none was called (-1).
    Summit,
}

/// Where the label of an interval is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BedLabel {
    /// In a column of the BED file; columns count from 1.
    Column(NonZeroU32),
    /// One for each BED file, in the order of `beds`.
    PerFile(Vec<String>),
    /// A signal over the window: regression.
    Track(TrackLabel),
}

/// A signal track as the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrackLabel {
    /// The track: bigWig; or bedGraph, plain, gzip or bgzf.
    pub file: PathBuf,
    /// What is taken of the values of the window's bases; a base without one counts as 0. Default: the mean.
    #[serde(default)]
    pub statistic: Statistic,
    /// Whether the target is the natural logarithm of 1 and that.
    #[serde(default)]
    pub log1p: bool,
}

/// What is taken of the values of a window's bases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// Their mean.
    #[default]
    Mean,
    /// The highest.
    Max,
    /// Their sum.
    Sum,
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
    /// What the columns are called, where that is not `sequence` (or `sequence1`, `sequence2`) and `label`.
    #[serde(default, skip_serializing_if = "TableColumns::is_empty")]
    pub columns: TableColumns,
}

/// The names of a table's columns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableColumns {
    /// The sequence; of a pair the first. Default: `sequence`, or `sequence1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// The second sequence of a pair. Default: `sequence2`, where the first is `sequence1`; with `sequence` given, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence2: Option<String>,
    /// The label. Default: `label`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What rows are called. Default: `id`, where there is such a column; else they are called after split and number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl TableColumns {
    /// Whether none is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Variants: each becomes a pair of sequences, the genome's and the one with the variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VcfSource {
    /// The genome, or genomes: FASTA, plain, gzip or bgzf. Each REF must be what stands there.
    pub fasta: Genomes,
    /// The variants: VCF, plain, gzip or bgzf. A record with several ALT alleles becomes as many pairs; symbolic alleles (`<DEL>`),
    /// breakends and `*` are left out and counted.
    pub files: Vec<GenomeFile>,
    /// Where the label of a variant is.
    pub label: VariantLabel,
    /// Takes only variants with one of these labels; others, and those without any, are left out and counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
    /// How many bases each sequence of a pair has. Before the first base of REF stand floor((width - 1) / 2) bases, the same in both; behind
    /// the allele follows the genome, so a deletion draws bases in at the right end and an insertion pushes bases out there.
    /// A window that cannot hold the whole allele, or ends within a repeat that is only longer or shorter, is left out and counted.
    pub width: NonZeroU32,
    /// What to do with a window that would leave its chromosome. Default: it is left out and counted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub beyond_end: BeyondEnd,
    /// Whether each variant is first written in its shortest form and as far to the left as it goes, as `bcftools norm` does: one of several
    /// ways to write the same insertion or deletion. Default: yes.
    #[serde(default = "yes")]
    pub normalise: bool,
    /// What to do where REF is not what stands in the genome.
    #[serde(default)]
    pub ref_mismatch: RefMismatch,
    /// What to do with an allele that is no variant (ALT is REF), or has a base other than A, C, G, T and N.
    #[serde(default, skip_serializing_if = "is_default")]
    pub odd_alleles: OddAlleles,
}

/// Where the label of a variant is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VariantLabel {
    /// The value of this key in the INFO column. A key with one value for each ALT allele (`Number=A`) labels each with its own; a flag is 1
    /// where it stands, else 0.
    Info(String),
    /// One for each VCF file, in the order of `files`.
    PerFile(Vec<String>),
    /// The FILTER column as it is written.
    Filter,
    /// The ID column as it is written.
    Id,
}

/// What to do where REF is not what stands in the genome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefMismatch {
    /// Stop, with the line, the position and what the genome has.
    #[default]
    Error,
    /// Leave the variant out, and count it.
    Skip,
}

/// What to do with an allele that makes no pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OddAlleles {
    /// Stop, with the line and what is wrong with it.
    #[default]
    Error,
    /// Leave it out, and count it.
    Skip,
}

/// Windows around the features of a genome annotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GffSource {
    /// The genome, FASTA, plain, gzip or bgzf; or several: `{ hg38: hg38.fa, mm10: mm10.fa }`.
    pub fasta: Genomes,
    /// The annotation: GFF3 or GTF (told apart by their attributes), plain, gzip or bgzf.
    pub files: Vec<GenomeFile>,
    /// Which windows. A window on the minus strand is read as its reverse complement. The same window a second time (transcripts that share
    /// a start, or the same feature in another file) is counted and left out.
    pub windows: Vec<FeatureWindow>,
    /// What to do with a window that would leave its chromosome. Default: it is left out and counted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub beyond_end: BeyondEnd,
    /// Where the label of a window is.
    #[serde(default)]
    pub label: FeatureLabel,
    /// Which feature types are transcripts, such as `[mRNA]`. Default: `transcript`, types that end in `RNA` or `_transcript`, gene segments
    /// of immunoglobulins and T-cell receptors; and whatever `exon` rows name as their parent without a row of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcripts: Option<Vec<String>>,
    /// Takes only transcripts and features with these attributes, such as `{ gene_biotype: protein_coding }`. Of several values (`tag`) one
    /// is enough. What a transcript does not say, its gene says for it; what an exon does not say, its transcript.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub only: BTreeMap<String, String>,
}

/// A kind of window; up and down are meant in the direction of the transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeatureWindow {
    /// Around the transcription start site, the first base of a transcript: `up` bases before it, itself, `down` bases behind it.
    /// `{ up: 249, down: 50 }` makes 300 bases.
    Promoter(Flanks),
    /// Around the 5' end of each intron: the last `up` bases of the exon and the first `down` of the intron.
    Donor(Flanks),
    /// Around the 3' end of each intron: its last `up` bases and the first `down` of the exon.
    Acceptor(Flanks),
    /// Features of one type, as they are or resized.
    Feature(FeatureType),
}

/// How many bases on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flanks {
    /// Bases upstream.
    pub up: u32,
    /// Bases downstream.
    pub down: u32,
}

/// Features of one type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureType {
    /// The type as column 3 has it, such as `exon`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Resizes each to so many bases around its centre. Default: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<NonZeroU32>,
}

/// Where the label of a window is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FeatureLabel {
    /// The kind of window is the class: `promoter`, `donor`, `acceptor`, or the type of the feature.
    #[default]
    Window,
    /// The value of this attribute of the transcript or the feature, such as `gene_biotype`.
    Attribute(String),
}

/// Tables of intervals as Genomic Benchmarks has them: `id,region,start,end,strand`, one file for each class.
///
/// Positions count from 0, and the end is not included, as in BED: the package cuts `fasta[region][start:end]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntervalCsvSource {
    /// The genome, FASTA, plain, gzip or bgzf; or several: `{ hg38: hg38.fa, mm10: mm10.fa }`.
    pub fasta: Genomes,
    /// The tables: CSV, or TSV where the name ends so; plain, gzip or bgzf.
    pub tables: Vec<IntervalTable>,
    /// Resizes each interval to so many bases around its centre.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<NonZeroU32>,
    /// What to do with a window that would leave its chromosome. Default: it is left out and counted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub beyond_end: BeyondEnd,
    /// Whether an interval on the minus strand is read as its reverse complement.
    #[serde(default = "yes")]
    pub stranded: bool,
    /// Makes dev out of training rows, where tables are of train and test only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev_from_train: Option<DevFromTrain>,
}

/// What is not said is not written: results of before a key was there keep their ids.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn yes() -> bool {
    true
}

/// One table of intervals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntervalTable {
    /// The table.
    pub file: GenomeFile,
    /// The class of all its rows.
    pub class: String,
    /// The split of all its rows: given for every table, or for none, and then `split` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
}

/// Takes a share of the training rows for dev, each class apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DevFromTrain {
    /// The share, such as 0.1.
    pub share: Probability,
    /// The same seed gives the same rows. Default: 0.
    #[serde(default)]
    pub seed: u64,
    /// Training rows that lie over one another in the genome stay together. Default: true.
    #[serde(default = "yes")]
    pub keep_overlaps_together: bool,
}

/// FASTA whose headers carry the label: `>id|label`.
///
/// Either `train` and `test` (and `dev`, or `dev_from_train`), or one `file` and a split plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelledFastaSource {
    /// The training sequences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<PathBuf>,
    /// The sequences that select the checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<PathBuf>,
    /// The sequences that the report shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// All sequences in one file, to be split by `split.ratios`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// What stands between the fields of a header.
    #[serde(default = "bar")]
    pub separator: String,
    /// Which field is the label, from 1. Default: the last. The id is the first field, or the whole header where that is the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<NonZeroU32>,
    /// Makes dev out of training rows, where there is no `dev`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev_from_train: Option<DevFromTrain>,
}

fn bar() -> String {
    "|".into()
}

/// Many peak files, one matrix of labels: the genome is cut into bins, and a bin has the label of every file whose peaks cover enough of it
/// (DeepSEA, Zhou and Troyanskaya 2015).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeakMatrixSource {
    /// The genome, FASTA, plain, gzip or bgzf; or several: `{ hg38: hg38.fa, mm10: mm10.fa }`.
    pub fasta: Genomes,
    /// The peaks: BED or narrowPeak, plain, gzip or bgzf; each file is a class.
    pub peaks: Vec<GenomeFile>,
    /// The names of the classes. Default: the files' names without their endings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// Bases of a bin. The first begins at the first base of a chromosome; a last one that is shorter is left out.
    #[serde(default = "default_bin")]
    pub bin: NonZeroU32,
    /// Bases of the sequence around a bin, as many on either side (one more to the right where that is odd).
    #[serde(default = "default_context")]
    pub context: NonZeroU32,
    /// A bin has a label when more than this share of it is covered by the file's peaks.
    #[serde(default = "half")]
    pub covered: Rate,
    /// Whether bins without any label are kept.
    #[serde(default)]
    pub keep_unlabelled: bool,
    /// What to do with a sequence that would leave its chromosome.
    #[serde(default)]
    pub beyond_end: BeyondEnd,
}

impl PeakMatrixSource {
    /// With DeepSEA's bins.
    pub fn new(fasta: Genomes, peaks: Vec<GenomeFile>) -> Self {
        Self {
            fasta,
            peaks,
            names: None,
            bin: default_bin(),
            context: default_context(),
            covered: half(),
            keep_unlabelled: false,
            beyond_end: BeyondEnd::default(),
        }
    }
}

/// DeepSEA's: bins of 200 bases within 1,000, and more than half of a bin covered.
fn default_bin() -> NonZeroU32 {
    NonZeroU32::new(200).unwrap_or(NonZeroU32::MIN)
}

fn default_context() -> NonZeroU32 {
    NonZeroU32::new(1_000).unwrap_or(NonZeroU32::MIN)
}

fn half() -> Rate {
    Rate::try_from(0.5).unwrap_or_else(|_| unreachable!())
}

/// What the files call the sequences of the genome, and which of theirs are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contigs {
    /// Other names of the genome's sequences: `{ chr1: "1" }`, the other name first; or a file. Each row of that (tabs between) holds names of
    /// one sequence, of which the genome knows one, as UCSC's `chromAlias.txt` does; an assembly report of NCBI is read too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aliases: Option<Aliases>,
    /// Sequences whose rows are left out and counted: `unknown` (those that the genome lacks), or a list of names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<SkippedContigs>,
}

impl Contigs {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Other names of the genome's sequences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Aliases {
    /// A file of names.
    File(PathBuf),
    /// The other name, and the genome's.
    Map(BTreeMap<String, String>),
}

/// Whose rows are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SkippedContigs {
    /// Those of sequences that the genome lacks.
    Unknown(UnknownContigs),
    /// Those of these sequences, whether the genome has them or not.
    Names(Vec<String>),
}

/// Sequences that the genome lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownContigs {
    /// All of them.
    Unknown,
}

/// What to do with a sequence that would leave its chromosome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BeyondEnd {
    /// Leave it out, and count it.
    #[default]
    Drop,
    /// Write N for what lies beyond.
    Pad,
}
