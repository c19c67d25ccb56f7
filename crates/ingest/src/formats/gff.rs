//! Annotations, feature by feature: GFF3 and GTF, told apart by how a line writes its attributes (BRAKER mixes them).
//!
//! Records and attributes are taken apart by noodles; the numbers of the lines are ours. Positions count from 1 in the file, with the last
//! base included; here from 0, with the end not included.

use std::borrow::Cow;
use std::path::Path;

use lingo_artifact::Strand;
use noodles::gff::feature::record::Strand as GffStrand;
use noodles::{gff, gtf};

use crate::error::{Error, Result};
use crate::input::{Input, without_byte_order_mark, without_terminator};

/// One line of an annotation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feature {
    /// Its line, from 1.
    pub line: u64,
    /// Column 1.
    pub chrom: String,
    /// Column 3.
    pub kind: String,
    /// The first base, from 0.
    pub start: u64,
    /// One behind the last base.
    pub end: u64,
    /// Column 7; `?` is read as `.`.
    pub strand: Strand,
    /// GFF3: `ID`; GTF: `gene_id` of a gene, `transcript_id` of anything else but an exon; AUGUSTUS: all that a gene or transcript says.
    pub id: Option<String>,
    /// GFF3: `Parent`; GTF: `transcript_id` of what lies within a transcript.
    pub parents: Vec<String>,
    /// GTF: `gene_id` of anything but a gene.
    pub gene: Option<String>,
    /// The values of each attribute that was asked for, in that order: GTF repeats the key, GFF3 lists them with commas.
    pub attributes: Vec<Vec<String>>,
}

/// How attributes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// `ID=t1;Parent=g1`
    Gff3,
    /// `gene_id "g1"; transcript_id "t1";`
    Gtf,
    /// `.`, nothing, or a name alone, which AUGUSTUS writes for genes and transcripts.
    Bare,
}

/// Reads a file and hands on each feature with its `wanted` attributes. The sequences that may follow in GFF3 are not read.
///
/// # Errors
/// With file and line: too few columns, a start or end that is no number or counts from 0, an end before the start, a strand that is none,
/// attributes that cannot be read. With file: no feature at all. Whatever `each` says.
pub fn read(
    path: &Path,
    limit: u64,
    wanted: &[&str],
    mut each: impl FnMut(Feature) -> Result<()>,
) -> Result<()> {
    let mut input = Input::open(path, limit)?;
    let mut features = 0u64;
    while let Some((number, raw)) = input.next_line()? {
        let raw = if number == 1 {
            without_byte_order_mark(raw)
        } else {
            raw
        };
        let line = without_terminator(raw);
        if line.starts_with(b"##FASTA") || line.starts_with(b">") && features > 0 {
            break;
        }
        if line.starts_with(b"#") || is_blank(line) || is_track(line) {
            continue;
        }
        let error = |problem: String| Error::line(path, number, problem);
        let columns: Vec<&[u8]> = line.split(|b| *b == b'\t').collect();
        check_columns(&columns, line).map_err(error)?;
        let attributes = columns.get(8).copied().unwrap_or_default();
        let dialect = dialect_of(attributes);
        let mut feature = parse(line, &columns, dialect, wanted).map_err(error)?;
        feature.line = number;
        features += 1;
        each(feature)?;
    }
    if features == 0 {
        return Err(Error::file(
            path,
            "the file holds no feature; GFF3 and GTF have nine columns with tabs between: seqid, source, type, start, end, score, strand, phase, attributes",
        ));
    }
    Ok(())
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// Lines that genome browsers put into any format.
fn is_track(line: &[u8]) -> bool {
    line.starts_with(b"track ") || line.starts_with(b"browser ")
}

fn check_columns(columns: &[&[u8]], line: &[u8]) -> std::result::Result<(), String> {
    match columns.len() {
        9.. => Ok(()),
        n => {
            let spaces = n == 1 && line.contains(&b' ');
            let hint = if spaces {
                "; spaces stand between them where tabs belong"
            } else {
                ""
            };
            Err(format!(
                "{n} column{} where GFF3 and GTF have 9{hint}",
                if n == 1 { "" } else { "s" }
            ))
        }
    }
}

/// GTF has a space between key and value, GFF3 an equals sign.
fn dialect_of(attributes: &[u8]) -> Dialect {
    let first = attributes.trim_ascii();
    match first.iter().position(|b| matches!(b, b'=' | b' ' | b';')) {
        Some(i) if first[i] == b' ' => Dialect::Gtf,
        Some(_) => Dialect::Gff3,
        None => Dialect::Bare,
    }
}

fn parse(
    line: &[u8],
    columns: &[&[u8]],
    dialect: Dialect,
    wanted: &[&str],
) -> std::result::Result<Feature, String> {
    let unreadable = |e: std::io::Error| format!("this line cannot be read: {e}");
    match dialect {
        Dialect::Gff3 => {
            // Some tools write a space behind the semicolon, and it would become part of the key.
            let closed = closed_up(line);
            let mut kept = gff::Line::default();
            gff::io::Reader::new(&*closed)
                .read_line(&mut kept)
                .map_err(unreadable)?;
            let record = kept
                .as_record()
                .ok_or("this line is no feature")?
                .map_err(unreadable)?;
            let mut feature = of_record(&record, columns)?;
            let attributes = record.attributes();
            let values = |key: &str| -> std::result::Result<Vec<String>, String> {
                use gff::record::attributes::field::Value;
                let bad = |e: std::io::Error| bad_attributes(columns, &e);
                match attributes.get(key.as_bytes()).transpose().map_err(bad)? {
                    None => Ok(Vec::new()),
                    Some(Value::String(text)) => Ok(vec![text.to_string()]),
                    Some(Value::Array(all)) => Ok(all.iter().map(|v| v.to_string()).collect()),
                }
            };
            feature.id = values("ID")?.into_iter().next();
            feature.parents = values("Parent")?;
            for key in wanted {
                feature.attributes.push(values(key)?);
            }
            Ok(feature)
        }
        Dialect::Bare => {
            let mut kept = gff::Line::default();
            gff::io::Reader::new(line)
                .read_line(&mut kept)
                .map_err(unreadable)?;
            let record = kept
                .as_record()
                .ok_or("this line is no feature")?
                .map_err(unreadable)?;
            let mut feature = of_record(&record, columns)?;
            let text = columns.get(8).copied().unwrap_or_default().trim_ascii();
            let named = matches!(feature.kind.as_str(), "gene" | "transcript");
            if named && !matches!(text, b"" | b".") {
                feature.id = Some(String::from_utf8_lossy(text).into_owned());
            }
            feature.attributes = vec![Vec::new(); wanted.len()];
            Ok(feature)
        }
        Dialect::Gtf => {
            let mut kept = gtf::Line::default();
            gtf::io::Reader::new(line)
                .read_line(&mut kept)
                .map_err(unreadable)?;
            let record = kept
                .as_record()
                .ok_or("this line is no feature")?
                .map_err(unreadable)?;
            let mut feature = of_record(&record, columns)?;
            let attributes = record
                .attributes()
                .map_err(|e| bad_attributes(columns, &e))?;
            let values = |key: &str| -> Vec<String> {
                use gtf::record::attributes::field::Value;
                match attributes.get(key.as_bytes()) {
                    Some(Ok(Value::String(text))) => vec![text.to_string()],
                    Some(Ok(Value::Array(all))) => all.iter().map(ToString::to_string).collect(),
                    Some(Err(_)) | None => Vec::new(),
                }
            };
            let one = |key: &str| values(key).into_iter().next().filter(|id| !id.is_empty());
            let (transcript, gene) = (one("transcript_id"), one("gene_id"));
            match feature.kind.as_str() {
                "gene" => feature.id = gene,
                kind => {
                    feature.gene = gene;
                    if kind != "exon" {
                        feature.id.clone_from(&transcript);
                    }
                    if kind != "transcript" && kind != "mRNA" {
                        feature.parents.extend(transcript);
                    }
                }
            }
            feature.attributes = wanted.iter().map(|key| values(key)).collect();
            Ok(feature)
        }
    }
}

/// The line without spaces behind semicolons.
fn closed_up(line: &[u8]) -> Cow<'_, [u8]> {
    if !line.windows(2).any(|two| two == b"; ") {
        return Cow::Borrowed(line);
    }
    let mut closed = Vec::with_capacity(line.len());
    for byte in line {
        if *byte != b' ' || closed.last() != Some(&b';') {
            closed.push(*byte);
        }
    }
    Cow::Owned(closed)
}

fn bad_attributes(columns: &[&[u8]], e: &std::io::Error) -> String {
    let text = String::from_utf8_lossy(columns.get(8).copied().unwrap_or_default());
    let shown: String = text.chars().take(60).collect();
    format!(
        "column 9 (attributes) cannot be read ({e}): `{shown}`; GFF3 writes `ID=t1;Parent=g1`, GTF writes `gene_id \"g1\"; transcript_id \"t1\";`"
    )
}

/// The columns 1 to 7.
fn of_record(
    record: &impl gff::feature::Record,
    columns: &[&[u8]],
) -> std::result::Result<Feature, String> {
    let shown = |column: usize| {
        String::from_utf8_lossy(columns.get(column - 1).copied().unwrap_or_default()).into_owned()
    };
    let bad = |column: usize, what: &str| {
        let text = shown(column);
        let hint = if text == "0" {
            "; positions count from 1 here"
        } else {
            ""
        };
        format!("column {column} ({what}) is `{text}`, not a whole number from 1{hint}")
    };
    let start = record.feature_start().map_err(|_| bad(4, "start"))?.get() as u64;
    let end = record.feature_end().map_err(|_| bad(5, "end"))?.get() as u64;
    if end < start {
        return Err(format!("the end ({end}) lies before the start ({start})"));
    }
    let strand = match record.strand() {
        Ok(GffStrand::Forward) => Strand::Forward,
        Ok(GffStrand::Reverse) => Strand::Reverse,
        Ok(GffStrand::None | GffStrand::Unknown) => Strand::Unknown,
        Err(_) => {
            return Err(format!(
                "column 7 (strand) is `{}`; use +, -, . or ?",
                shown(7)
            ));
        }
    };
    let chrom = record.reference_sequence_name().to_string();
    if chrom.is_empty() {
        return Err("column 1 (seqid) is empty".into());
    }
    Ok(Feature {
        chrom,
        kind: record.ty().to_string(),
        start: start - 1,
        end,
        strand,
        ..Feature::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(text: &str, wanted: &[&str]) -> Vec<Feature> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gff");
        std::fs::write(&path, text).unwrap();
        let mut all = Vec::new();
        read(&path, 1 << 20, wanted, |feature| {
            all.push(feature);
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn gff3_and_gtf_say_the_same() {
        let gff3 = features(
            "##gff-version 3\n\n# x\nI\tsgd\tmRNA\t11\t20\t.\t-\t.\tID=t%201; Parent=g1;biotype=a%2Cb,c\r\nI\tsgd\texon\t11\t13\t.\t-\t.\tParent=t%201,t2\n##FASTA\n>I\nACGT\n",
            &["biotype", "none"],
        );
        assert_eq!(gff3.len(), 2);
        assert_eq!(
            gff3[0],
            Feature {
                line: 4,
                chrom: "I".into(),
                kind: "mRNA".into(),
                start: 10,
                end: 20,
                strand: Strand::Reverse,
                id: Some("t 1".into()),
                parents: vec!["g1".into()],
                gene: None,
                attributes: vec![vec!["a,b".into(), "c".into()], vec![]],
            }
        );
        assert_eq!((gff3[1].line, gff3[1].id.as_deref()), (5, None));
        assert_eq!(gff3[1].parents, ["t 1", "t2"]);
        let gtf = features(
            "I\tsgd\ttranscript\t11\t20\t.\t-\t.\tgene_id \"g1\"; transcript_id \"t 1\"; tag \"x\"; tag \"y; z\";\nI\tsgd\texon\t11\t13\t.\t-\t.\tgene_id \"g1\"; transcript_id \"t 1\"; exon_number 1",
            &["tag", "exon_number"],
        );
        assert_eq!(gtf.len(), 2);
        assert_eq!(gtf[0].id.as_deref(), Some("t 1"));
        assert_eq!((gtf[0].start, gtf[0].end), (10, 20));
        assert_eq!(gtf[0].attributes, [vec!["x", "y; z"], vec![]]);
        assert_eq!(gtf[1].parents, ["t 1"]);
        assert_eq!(gtf[1].attributes, [vec![], vec!["1"]]);
        assert_eq!(gtf[1].gene.as_deref(), Some("g1"));
    }

    #[test]
    fn each_line_has_the_dialect_that_it_is_written_in() {
        // As BRAKER and AUGUSTUS write it; a first line may have no attributes at all.
        let mixed = features(
            "I\tx\tregion\t1\t90\t.\t.\t.\t.\nI\tAUGUSTUS\tgene\t11\t20\t.\t-\t.\tg1\nI\tAUGUSTUS\ttranscript\t11\t20\t.\t-\t.\tg1.t1\nI\tAUGUSTUS\texon\t11\t13\t.\t-\t.\ttranscript_id \"g1.t1\"; gene_id \"g1\";\nI\tGeMoMa\tmRNA\t11\t20\t.\t-\t.\tID=m;Parent=g2\n",
            &["gene_id"],
        );
        let seen: Vec<_> = mixed
            .iter()
            .map(|f| (f.id.as_deref(), f.parents.join(","), f.gene.as_deref()))
            .collect();
        assert_eq!(
            seen,
            [
                (None, String::new(), None),
                (Some("g1"), String::new(), None),
                (Some("g1.t1"), String::new(), None),
                (None, "g1.t1".into(), Some("g1")),
                (Some("m"), "g2".into(), None),
            ]
        );
    }
}
