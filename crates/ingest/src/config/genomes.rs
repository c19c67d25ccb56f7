//! Which genome, or genomes, and which of them a file is about.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands between a genome's name and that of its sequence: `hg38:chr1`.
pub const BETWEEN: &str = ":";

/// A genome, or several with a name each: a FASTA file, plain, gzip or bgzf, or `{ hg38: hg38.fa, mm10: mm10.fa }`.
///
/// Of several, sequences are called `hg38:chr1`: so they stand in the examples, and so a split names them. A file of intervals has such
/// names too, or says as a whole of which genome it is ([`GenomeFile`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a FASTA file, or several by name, such as `{ hg38: hg38.fa, mm10: mm10.fa }`"
)]
pub enum Genomes {
    /// One genome.
    One(PathBuf),
    /// Several, by their names.
    Several(BTreeMap<String, PathBuf>),
}

/// A file of places in a genome: its path, or, where `fasta` names several genomes, `{ hg38: path }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a file, or of one of several genomes, such as `{ hg38: peaks.bed }`"
)]
pub enum GenomeFile {
    /// A file whose sequences have names that one genome only has, or that begin with the genome's.
    Any(PathBuf),
    /// A file of the genome of this name.
    Of(BTreeMap<String, PathBuf>),
}

impl Genomes {
    /// The files, with the names of their genomes: none where there is one.
    pub fn files(&self) -> Vec<(Option<&str>, &Path)> {
        match self {
            Self::One(path) => vec![(None, path)],
            Self::Several(all) => all
                .iter()
                .map(|(name, path)| (Some(name.as_str()), path.as_path()))
                .collect(),
        }
    }

    /// Whether this is one of the files.
    pub fn holds(&self, path: &Path) -> bool {
        self.files().iter().any(|(_, file)| *file == path)
    }

    /// Every path.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::One(path) => vec![path],
            Self::Several(all) => all.values_mut().collect(),
        }
    }

    /// The paths, as messages show them.
    pub fn shown(&self) -> String {
        let files = self.files();
        let paths: Vec<String> = files
            .iter()
            .map(|(_, path)| path.display().to_string())
            .collect();
        paths.join(", ")
    }

    /// Checks the names.
    ///
    /// # Errors
    /// None; a name that is none.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self::Several(all) = self else {
            return Ok(());
        };
        if all.is_empty() {
            return Err("`fasta` names no genome".into());
        }
        match all.keys().find(|name| !is_name(name)) {
            Some(name) => Err(format!(
                "`{name}` is no name of a genome: letters, digits, `_`, `-` and `.` are"
            )),
            None => Ok(()),
        }
    }
}

impl GenomeFile {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Any(path) => path,
            // `check` sees to it that there is one.
            Self::Of(one) => one.values().next().map_or(Path::new(""), PathBuf::as_path),
        }
    }

    /// The genome that it is of, where it says so.
    pub fn genome(&self) -> Option<&str> {
        match self {
            Self::Any(_) => None,
            Self::Of(one) => one.keys().next().map(String::as_str),
        }
    }

    /// The path.
    pub fn path_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Any(path) => Some(path),
            Self::Of(one) => one.values_mut().next(),
        }
    }

    /// Checks that the genome is one of those.
    ///
    /// # Errors
    /// It is not; more than one file.
    pub(crate) fn check(&self, genomes: &Genomes) -> Result<(), String> {
        let Self::Of(one) = self else { return Ok(()) };
        let (1, Some((name, path))) = (one.len(), one.first_key_value()) else {
            return Err(format!(
                "{} names where one genome and its file are meant, such as `{{ hg38: peaks.bed }}`: give each file an entry of its own",
                one.len()
            ));
        };
        match genomes {
            Genomes::One(fasta) => Err(format!(
                "{} is said to be of the genome `{name}`, but `fasta` is one file without a name; say `fasta: {{ {name}: {} }}`, or leave the name out",
                path.display(),
                fasta.display()
            )),
            Genomes::Several(all) if all.contains_key(name) => Ok(()),
            Genomes::Several(all) => {
                let known: Vec<&str> = all.keys().map(String::as_str).collect();
                Err(format!(
                    "{} is said to be of the genome `{name}`; `fasta` names {}",
                    path.display(),
                    known.join(", ")
                ))
            }
        }
    }
}

impl From<PathBuf> for Genomes {
    fn from(path: PathBuf) -> Self {
        Self::One(path)
    }
}

impl From<PathBuf> for GenomeFile {
    fn from(path: PathBuf) -> Self {
        Self::Any(path)
    }
}

/// `hg38=peaks.bed`, or a path: of which genome a file is, on a command line.
impl FromStr for GenomeFile {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once('=') {
            Some((name, path)) if is_name(name) && !Path::new(text).exists() => {
                Self::Of(BTreeMap::from([(name.to_string(), PathBuf::from(path))]))
            }
            _ => Self::Any(PathBuf::from(text)),
        })
    }
}

impl Genomes {
    /// Of what a command line gives: one path, or several `hg38=hg38.fa`.
    ///
    /// # Errors
    /// Several without names, the same name twice.
    pub fn of_files(files: &[GenomeFile]) -> Result<Self, String> {
        if let [GenomeFile::Any(path)] = files {
            return Ok(Self::One(path.clone()));
        }
        let mut all = BTreeMap::new();
        for file in files {
            let Some(name) = file.genome() else {
                return Err(format!(
                    "{} has no name beside other genomes; write NAME={}, such as hg38=hg38.fa",
                    file.path().display(),
                    file.path().display()
                ));
            };
            if all
                .insert(name.to_string(), file.path().to_path_buf())
                .is_some()
            {
                return Err(format!("two genomes are called `{name}`"));
            }
        }
        Ok(Self::Several(all))
    }
}

fn is_name(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    !text.is_empty() && text.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_before_the_path() {
        fn t(text: &str, genome: Option<&str>, path: &str) {
            let file: GenomeFile = text.parse().unwrap();
            assert_eq!((file.genome(), file.path()), (genome, Path::new(path)));
        }
        t("peaks.bed", None, "peaks.bed");
        t("hg38=peaks.bed", Some("hg38"), "peaks.bed");
        t("a/b=c.bed", None, "a/b=c.bed");
        t("=c.bed", None, "=c.bed");
        t("mm10=a=b.bed", Some("mm10"), "a=b.bed");
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let parse = |text: &str| serde_json::from_str::<GenomeFile>(text).unwrap();
        let several: Genomes = serde_json::from_str(r#"{"hg38":"h.fa","mm10":"m.fa"}"#).unwrap();
        let one = Genomes::One("g.fa".into());
        assert!(parse(r#""a.bed""#).check(&one).is_ok());
        assert!(parse(r#"{"mm10":"a.bed"}"#).check(&several).is_ok());
        let told = parse(r#"{"rn7":"a.bed"}"#).check(&several).unwrap_err();
        assert!(told.ends_with("`fasta` names hg38, mm10"), "{told}");
        let told = parse(r#"{"mm10":"a.bed"}"#).check(&one).unwrap_err();
        assert!(told.contains("one file without a name"), "{told}");
        let told = parse(r#"{"mm10":"a.bed","hg38":"b.bed"}"#);
        let told = told.check(&several).unwrap_err();
        assert!(told.starts_with("2 names"), "{told}");
        let files: Vec<GenomeFile> = ["hg38=h.fa", "m.fa"].map(|t| t.parse().unwrap()).into();
        assert!(Genomes::of_files(&files).unwrap_err().contains("m.fa"));
        let told = serde_json::from_str::<Genomes>("3").unwrap_err();
        assert!(told.to_string().contains("{ hg38: hg38.fa"), "{told}");
    }
}
