//! What each source forbids, and the paths that it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::genomes::{GenomeFile, Genomes};
use crate::config::sources::{
    Around, BedLabel, BedSource, CsvSource, DevFromTrain, FeatureLabel, FeatureWindow, GffSource,
    IntervalCsvSource, LabelledFastaSource, PeakMatrixSource, Source, VariantLabel, VcfSource,
};
use crate::config::split::SplitPlan;
use crate::error::{Error, Result};

fn bad<T>(problem: impl Into<String>) -> Result<T> {
    Err(Error::Config(problem.into()))
}

fn needs_split(kind: &str, split: Option<&SplitPlan>) -> Result<()> {
    match split {
        Some(_) => Ok(()),
        None => bad(format!(
            "a `{kind}` source needs `split`: `chromosomes`, `ratios`, `folds` or `clusters`"
        )),
    }
}

impl Source {
    pub(crate) fn check(&self, split: Option<&SplitPlan>) -> Result<()> {
        match self {
            Self::Bed(source) => source.check(split),
            Self::Csv(source) => source.check(split),
            Self::Vcf(source) => source.check(split),
            Self::Gff(source) => source.check(split),
            Self::IntervalCsv(source) => source.check(split),
            Self::LabelledFasta(source) => source.check(split),
            Self::PeakMatrix(source) => source.check(split),
        }
    }

    /// Every path of the source, its genome's first.
    pub(crate) fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Bed(source) => {
                let mut paths = with_genomes(&mut source.fasta, &mut source.beds);
                if let BedLabel::Track(track) = &mut source.label {
                    paths.push(&mut track.file);
                }
                paths
            }
            Self::Vcf(source) => with_genomes(&mut source.fasta, &mut source.files),
            Self::Gff(source) => with_genomes(&mut source.fasta, &mut source.files),
            Self::IntervalCsv(source) => {
                let tables = source.tables.iter_mut().map(|t| &mut t.file);
                with_genomes(&mut source.fasta, tables)
            }
            Self::PeakMatrix(source) => with_genomes(&mut source.fasta, &mut source.peaks),
            Self::Csv(csv) => given([&mut csv.train, &mut csv.dev, &mut csv.test, &mut csv.file]),
            Self::LabelledFasta(source) => given([
                &mut source.train,
                &mut source.dev,
                &mut source.test,
                &mut source.file,
            ]),
        }
    }
}

fn given(files: [&mut Option<PathBuf>; 4]) -> Vec<&mut PathBuf> {
    files.into_iter().flatten().collect()
}

impl BedSource {
    fn check(&self, split: Option<&SplitPlan>) -> Result<()> {
        if self.beds.is_empty() {
            return bad("`beds` names no file");
        }
        if let BedLabel::PerFile(names) = &self.label
            && names.len() != self.beds.len()
        {
            return Err(Error::Config(format!(
                "`label.per_file` has {} names for {} BED files; it needs one for each",
                names.len(),
                self.beds.len()
            )));
        }
        if self.around == Around::Summit && self.width.is_none() {
            return bad("`around: summit` needs `width`, the bases around the summit");
        }
        needs_split("bed", split)
    }
}

impl CsvSource {
    fn check(&self, split: Option<&SplitPlan>) -> Result<()> {
        if self.columns.sequence2.is_some() && self.columns.sequence.is_none() {
            return bad("`columns` has a `sequence2` but no `sequence`");
        }
        let given = [&self.train, &self.dev, &self.test].map(Option::is_some);
        match (given, self.file.is_some(), split) {
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
                return bad("a `csv` source needs `train`, `dev` and `test`, or else one `file`");
            }
        }
        Ok(())
    }
}

impl VcfSource {
    pub(crate) fn check(&self, split: Option<&SplitPlan>) -> Result<()> {
        if self.files.is_empty() {
            return bad("`files` names no VCF");
        }
        if let VariantLabel::PerFile(names) = &self.label
            && names.len() != self.files.len()
        {
            return bad(format!(
                "`label.per_file` has {} names for {} VCF files; it needs one for each",
                names.len(),
                self.files.len()
            ));
        }
        needs_split("vcf", split)
    }
}

impl GffSource {
    pub(crate) fn check(&self, split: Option<&SplitPlan>) -> Result<()> {
        if self.files.is_empty() {
            return bad("`files` names no annotation");
        }
        if self.windows.is_empty() {
            return bad(
                "`windows` is empty; name at least one, such as `promoter: { up: 249, down: 50 }`",
            );
        }
        let mut kinds = BTreeSet::new();
        for window in &self.windows {
            if let FeatureWindow::Donor(f) | FeatureWindow::Acceptor(f) = window
                && f.up == 0
                && f.down == 0
            {
                return bad(format!(
                    "`{}` has no bases: `up` and `down` are both 0",
                    window.name()
                ));
            }
            if !kinds.insert(window.name()) && self.label == FeatureLabel::Window {
                return bad(format!(
                    "`windows` names `{}` twice; each kind of window is one class",
                    window.name()
                ));
            }
        }
        needs_split("gff", split)
    }
}

impl FeatureWindow {
    /// What the class is called.
    pub fn name(&self) -> &str {
        match self {
            Self::Promoter(_) => "promoter",
            Self::Donor(_) => "donor",
            Self::Acceptor(_) => "acceptor",
            Self::Feature(feature) => &feature.kind,
        }
    }
}

impl IntervalCsvSource {
    pub(crate) fn check(&self, split: Option<&SplitPlan>) -> Result<()> {
        if self.tables.is_empty() {
            return bad("`tables` names no file");
        }
        let given: Vec<_> = self.tables.iter().filter_map(|t| t.split).collect();
        if given.is_empty() {
            if self.dev_from_train.is_some() {
                return bad("`dev_from_train` needs tables with `split: train`");
            }
            return needs_split("interval_csv", split);
        }
        if let Some(table) = self.tables.iter().find(|t| t.split.is_none()) {
            return bad(format!(
                "the table {} has no `split`, but others have; give it to all tables, or to none and say `split` for the source",
                table.file.path().display()
            ));
        }
        let has = |wanted| given.contains(&wanted);
        given_splits(
            [
                has(lingo_artifact::Split::Train),
                has(lingo_artifact::Split::Dev),
                has(lingo_artifact::Split::Test),
            ],
            self.dev_from_train,
            split,
        )
    }
}

/// Files of train, dev and test are there or not: whether that is enough.
fn given_splits(
    [train, dev, test]: [bool; 3],
    dev_from_train: Option<DevFromTrain>,
    split: Option<&SplitPlan>,
) -> Result<()> {
    if split.is_some() {
        return bad("the files have their splits: `split` has nothing to do; remove it");
    }
    match (train && test, dev, dev_from_train) {
        (true, true, None) | (true, false, Some(_)) => Ok(()),
        (true, false, None) => bad(
            "there is train and test, but no dev; give one, or take it from train: `dev_from_train: { share: 0.1 }`",
        ),
        (true, true, Some(_)) => bad("there is dev: `dev_from_train` has nothing to do; remove it"),
        (false, ..) => bad("train and test are both needed where the files have their splits"),
    }
}

impl LabelledFastaSource {
    pub(crate) fn check(&self, split: Option<&SplitPlan>) -> Result<()> {
        if self.separator.is_empty() {
            return bad("`separator` is empty; it stands between id and label, such as `|`");
        }
        let given = [&self.train, &self.dev, &self.test].map(Option::is_some);
        match (given, &self.file) {
            ([false, false, false], None) => {
                bad("a `labelled_fasta` source needs `train` and `test`, or else one `file`")
            }
            ([false, false, false], Some(_)) => match split {
                Some(SplitPlan::Ratios(_)) if self.dev_from_train.is_none() => Ok(()),
                Some(SplitPlan::Ratios(_)) => {
                    bad("`dev_from_train` needs `train`; with one `file`, `split` makes dev")
                }
                _ => {
                    bad("a `labelled_fasta` source with one `file` needs `split: { ratios: ... }`")
                }
            },
            (_, Some(_)) => bad("give `file`, or else `train` and `test`, not both"),
            (given, None) => given_splits(given, self.dev_from_train, split),
        }
    }
}

impl PeakMatrixSource {
    pub(crate) fn check(&self, split: Option<&SplitPlan>) -> Result<()> {
        if self.peaks.is_empty() {
            return bad("`peaks` names no file");
        }
        if let Some(names) = &self.names
            && names.len() != self.peaks.len()
        {
            return bad(format!(
                "`names` has {} names for {} peak files; it needs one for each",
                names.len(),
                self.peaks.len()
            ));
        }
        let names = self.class_names();
        let mut seen = BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
            let hint = match &self.names {
                Some(_) => "each class needs a name of its own",
                None => "say `names`, one for each file",
            };
            return bad(format!("two peak files are called `{twice}`; {hint}"));
        }
        if self.context < self.bin {
            return bad(format!(
                "`context` ({}) is shorter than `bin` ({}); the sequence holds the whole bin",
                self.context, self.bin
            ));
        }
        needs_split("peak_matrix", split)
    }

    /// The names of the classes, one for each file.
    pub fn class_names(&self) -> Vec<String> {
        match &self.names {
            Some(names) => names.clone(),
            None => self
                .peaks
                .iter()
                .map(|file| class_of(file.path()))
                .collect(),
        }
    }
}

/// What a file's class is called: its name without its ending, `K562.CTCF` for `data/K562.CTCF.bed.gz`.
pub fn class_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unpacked = ["gz", "bgz"]
        .iter()
        .find_map(|ending| name.strip_suffix(&format!(".{ending}")))
        .unwrap_or(&name);
    match unpacked.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_string(),
        _ => unpacked.to_string(),
    }
}

fn with_genomes<'a>(
    genomes: &'a mut Genomes,
    files: impl IntoIterator<Item = &'a mut GenomeFile>,
) -> Vec<&'a mut PathBuf> {
    let mut paths = genomes.paths_mut();
    paths.extend(files.into_iter().filter_map(GenomeFile::path_mut));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_called_after_its_file() {
        fn t(path: &str, expected: &str) {
            assert_eq!(class_of(Path::new(path)), expected);
        }
        t("data/promoters.bed", "promoters");
        t("promoters.bed.gz", "promoters");
        t("K562.CTCF.narrowPeak", "K562.CTCF");
        t("E003-H3K4me3", "E003-H3K4me3");
        t(".hidden", ".hidden");
    }
}
