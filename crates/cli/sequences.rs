//! Examples from files that may be FASTA.

use std::path::Path;

use lingo_artifact::example::{Example, Examples, ExamplesMetadata, SourceHash};
use lingo_artifact::sequence_source::SequenceSource as _;
use lingo_artifact::{Label, LabelKind, Split};
use lingo_ingest::Genome;
use lingo_ingest::config::sources::{Aliases, Contigs, SkippedContigs, UnknownContigs};
use lingo_ingest::config::{DEFAULT_MAX_UNCOMPRESSED_BYTES, GenomeFile, Genomes};
use lingo_tokenize::encode_slices::UNLABELLED;
use lingo_workflow::{Error, Kind};

/// Whether a path names FASTA: `.fa`, `.fasta`, `.fna`, also with `.gz` or `.bgz` behind it.
pub fn is_fasta(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_end_matches(".gz").trim_end_matches(".bgz");
    [".fa", ".fasta", ".fna"].iter().any(|e| name.ends_with(e))
}

/// Examples of a table, or each sequence of a FASTA as one: in the test split, with a label that says nothing.
pub fn read(path: &Path) -> Result<Examples, Error> {
    if !is_fasta(path) {
        return Ok(Examples::read(path)?);
    }
    let genome = Genome::open(path, DEFAULT_MAX_UNCOMPRESSED_BYTES)?;
    let rows = genome.sequences().iter().map(|(name, length)| {
        let bases = genome.bases(name, 0, *length)?;
        Ok(Example {
            id: name.clone(),
            split: Split::Test,
            sequence: String::from_utf8_lossy(&bases).into_owned(),
            sequence2: None,
            label: Label::Class(0),
            interval: None,
        })
    });
    Ok(Examples {
        rows: rows.collect::<Result<_, Error>>()?,
        metadata: ExamplesMetadata {
            labels: LabelKind::Classes(vec![UNLABELLED.to_string()]),
            sources: Vec::<SourceHash>::new(),
            audit: serde_json::Value::Null,
        },
    })
}

/// The genome, or genomes, that `--fasta` names; none where it is not given.
pub fn of_fasta(files: &[GenomeFile]) -> Result<Option<Genomes>, Error> {
    match files {
        [] => Ok(None),
        files => genomes(files).map(Some),
    }
}

/// What `--contig-aliases` and `--skip-contigs` say of the genome's sequences.
pub fn contigs(aliases: Option<&Path>, skip: &[String]) -> Result<Contigs, Error> {
    Ok(Contigs {
        aliases: aliases.map(|file| Aliases::File(file.to_path_buf())),
        skip: match skip {
            [] => None,
            [one] if one == "unknown" => Some(SkippedContigs::Unknown(UnknownContigs::Unknown)),
            names if names.iter().any(|name| name == "unknown") => {
                let message = "--skip-contigs: either `unknown` or names, not both";
                return Err(Error::stage(Kind::Usage, message));
            }
            names => Some(SkippedContigs::Names(names.to_vec())),
        },
    })
}

/// As [`of_fasta`], of some files.
pub fn genomes(files: &[GenomeFile]) -> Result<Genomes, Error> {
    Genomes::of_files(files).map_err(|e| Error::stage(Kind::Usage, format!("--fasta: {e}")))
}
