//! VCF files, allele by allele: plain, gzip or bgzf.
//!
//! The grammar of records and header lines is noodles'; the numbers of the lines are ours. Header lines that noodles refuses are passed
//! over unless they define the key of the label: many files in use bend the rules there. Genotypes are not read.

use std::path::Path;

use noodles::vcf;
use noodles::vcf::header::record::value::map::info::{Number, Type};

use crate::config::sources::{OddAlleles, VariantLabel};
use crate::error::{Error, Result};
use crate::input::{Input, without_byte_order_mark, without_terminator};

/// One ALT allele of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The line of its record, from 1.
    pub line: u64,
    /// Column 1.
    pub chrom: String,
    /// Where the first base of REF stands, from 0; nothing for the position before the first base, which VCF calls 0.
    pub position: Option<u64>,
    /// The ID column, when it is not `.`.
    pub id: Option<String>,
    /// Upper case, A, C, G, T or N.
    pub reference: String,
    /// Upper case, A, C, G, T or N.
    pub alternate: String,
    /// Nothing where the record has none.
    pub label: Option<String>,
}

impl Variant {
    /// `chrom:position:ref:alt`, the position from 1 as in the file.
    pub fn name(&self) -> String {
        let position = self.position.map_or(0, |p| p + 1);
        format!(
            "{}:{position}:{}:{}",
            self.chrom, self.reference, self.alternate
        )
    }
}

/// What was left out of a file, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// `<DEL>` and the like.
    pub symbolic: u64,
    /// `N[chr2:10[` and the like.
    pub breakends: u64,
    /// `*`: the allele is missing because of a deletion further up.
    pub overlapped: u64,
    /// Records whose ALT is `.`.
    pub without_alternate: u64,
    /// ALT is REF; only where such alleles are to be left out.
    pub unchanged: u64,
    /// A base other than A, C, G, T and N in REF or ALT; only where such alleles are to be left out.
    pub ambiguous: u64,
}

impl LeftOut {
    /// Adds what another file left out.
    pub(crate) fn add(&mut self, more: &Self) {
        self.symbolic += more.symbolic;
        self.breakends += more.breakends;
        self.overlapped += more.overlapped;
        self.without_alternate += more.without_alternate;
        self.unchanged += more.unchanged;
        self.ambiguous += more.ambiguous;
    }
}

/// Reads a file and hands on each allele; `class` is the label where each file is a class, `odd` says what becomes of an allele that is no
/// variant or has ambiguous bases.
///
/// # Errors
/// With file and line: no VCF at all, BCF, too few columns, a position that is no number, a REF or ALT that is no allele, an INFO value that
/// does not fit the alleles. With file: no record, no record with the key of the label. Whatever `each` says.
pub fn read(
    path: &Path,
    limit: u64,
    label: &VariantLabel,
    class: Option<&str>,
    odd: OddAlleles,
    mut each: impl FnMut(Variant) -> Result<()>,
) -> Result<LeftOut> {
    let mut input = Input::open(path, limit)?;
    let mut header = HeaderLines::new(label, odd);
    let mut left_out = LeftOut::default();
    let mut records = 0u64;
    while let Some((number, raw)) = input.next_line()? {
        let raw = if number == 1 {
            without_byte_order_mark(raw)
        } else {
            raw
        };
        let error = |problem: String| Error::line(path, number, problem);
        let line = without_terminator(raw);
        if number == 1 && line.starts_with(b"BCF") {
            return Err(Error::file(
                path,
                "this is BCF, which is not read here; write VCF (`bcftools view -O z`)",
            ));
        }
        if line.starts_with(b"#") || !header.done {
            header.line(number, line).map_err(error)?;
            continue;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        records += 1;
        let record = parse(line).map_err(error)?;
        record
            .read(number, &header, label, class, &mut left_out, &mut each)
            .map_err(|e| match e {
                Stopped::Line(problem) => error(problem),
                Stopped::Told(e) => e,
            })?;
    }
    match (records, header.done) {
        (0, false) => Err(Error::file(
            path,
            "this is no VCF: its header (`##fileformat=VCFv4.2`, then `#CHROM POS ID REF ALT QUAL FILTER INFO`) is missing",
        )),
        (0, true) => Err(Error::file(path, "there is a header but no record")),
        _ => Ok(left_out),
    }
}

/// The header, as far as the labels need it.
struct HeaderLines<'a> {
    parser: vcf::header::Parser,
    key: Option<&'a str>,
    /// How many values the key of the label has.
    number: Option<Number>,
    flag: bool,
    done: bool,
    /// What becomes of alleles that make no pair.
    odd: OddAlleles,
}

impl<'a> HeaderLines<'a> {
    fn new(label: &'a VariantLabel, odd: OddAlleles) -> Self {
        Self {
            odd,
            parser: vcf::header::Parser::default(),
            key: match label {
                VariantLabel::Info(key) => Some(key),
                _ => None,
            },
            number: None,
            flag: false,
            done: false,
        }
    }

    fn line(&mut self, number: u64, line: &[u8]) -> std::result::Result<(), String> {
        if number == 1 && !line.starts_with(b"##fileformat=VCF") {
            return Err(
                "this is no VCF: the first line is `##fileformat=VCFv4.2` or another version"
                    .into(),
            );
        }
        if line.starts_with(b"#CHROM") {
            return self.columns(line);
        }
        if self.done || !line.starts_with(b"##") {
            return if line.starts_with(b"#") || line.trim_ascii().is_empty() {
                Ok(())
            } else {
                Err("the line `#CHROM POS ID REF ALT QUAL FILTER INFO` must stand before the first record".into())
            };
        }
        use vcf::header::parser::Entry;
        match self.parser.parse_partial(line) {
            Ok(Entry::Info(id, info)) if Some(id) == self.key => {
                self.number = Some(info.number());
                self.flag = info.ty() == Type::Flag;
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(e) if number == 1 => Err(format!("the version of the format cannot be read: {e}")),
            Err(e) => match self.key {
                Some(key) if defines(line, key) => {
                    Err(format!("the definition of `{key}` cannot be read: {e}"))
                }
                _ => Ok(()),
            },
        }
    }

    fn columns(&mut self, line: &[u8]) -> std::result::Result<(), String> {
        const COLUMNS: [&str; 8] = [
            "#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO",
        ];
        let text = String::from_utf8_lossy(line);
        let found: Vec<&str> = text.split('\t').collect();
        if found.iter().take(8).eq(&COLUMNS) {
            self.done = true;
            return Ok(());
        }
        let spaces = if found.len() == 1 && text.contains(' ') {
            "; spaces stand between them where tabs belong"
        } else {
            ""
        };
        Err(format!(
            "the columns are `{}`, not `{}`{spaces}",
            found.iter().take(8).copied().collect::<Vec<_>>().join(" "),
            COLUMNS.join(" ")
        ))
    }
}

/// Whether a header line defines an INFO key.
fn defines(line: &[u8], key: &str) -> bool {
    let text = String::from_utf8_lossy(line);
    text.strip_prefix("##INFO=<ID=")
        .and_then(|rest| rest.split([',', '>']).next())
        == Some(key)
}

/// A record, and its position, where 0 is not the same as none.
struct Record {
    record: vcf::Record,
    position: Option<u64>,
}

/// Why reading stops: something about this line, or an error that says its place itself.
enum Stopped {
    Line(String),
    Told(Error),
}

impl From<String> for Stopped {
    fn from(problem: String) -> Self {
        Self::Line(problem)
    }
}

fn parse(line: &[u8]) -> std::result::Result<Record, String> {
    let columns: Vec<&[u8]> = line.split(|b| *b == b'\t').collect();
    if columns.len() < 8 {
        let hint = if columns.len() == 1 && line.contains(&b' ') {
            "; spaces stand between them where tabs belong"
        } else {
            ""
        };
        return Err(format!(
            "{} column{} where a VCF record has at least 8 (CHROM POS ID REF ALT QUAL FILTER INFO){hint}",
            columns.len(),
            if columns.len() == 1 { "" } else { "s" }
        ));
    }
    // An own look at the position: noodles takes 0 for a missing one.
    let text = String::from_utf8_lossy(columns[1]);
    let position = match text.parse::<u64>() {
        Ok(p) if columns[1].iter().all(u8::is_ascii_digit) => p.checked_sub(1),
        _ => return Err(format!("column 2 (POS) is `{text}`, not a whole number")),
    };
    if let Some(empty) = columns[..8].iter().position(|c| c.is_empty()) {
        return Err(format!(
            "column {} is empty; write `.` for what is missing",
            empty + 1
        ));
    }
    // Genotypes can be most of a line, and may be anything.
    let fixed = line.len() - columns[8..].iter().map(|c| c.len() + 1).sum::<usize>();
    // noodles looks at the columns without the tabs between: two halves of a letter in two columns would be one, and be cut.
    std::str::from_utf8(&line[..fixed]).map_err(|_| "this record is not UTF-8 text")?;
    let record = vcf::Record::try_from(&line[..fixed])
        .map_err(|e| format!("this record cannot be read: {e}"))?;
    Ok(Record { record, position })
}

impl Record {
    fn read(
        &self,
        line: u64,
        header: &HeaderLines<'_>,
        label: &VariantLabel,
        class: Option<&str>,
        left_out: &mut LeftOut,
        each: &mut impl FnMut(Variant) -> Result<()>,
    ) -> std::result::Result<(), Stopped> {
        let odd = header.odd;
        let record = &self.record;
        let reference = allele(record.reference_bases(), "REF", odd)?;
        let alternates = record.alternate_bases();
        let alternates: Vec<&str> = match alternates.as_ref() {
            "" => Vec::new(),
            text => text.split(',').collect(),
        };
        if alternates.is_empty() {
            left_out.without_alternate += 1;
        }
        let ids = record.ids();
        let given = |text: &str| (!text.is_empty()).then(|| text.to_string());
        for (i, alternate) in alternates.iter().enumerate() {
            let refused = match alternate.as_bytes() {
                b"*" | b"<*>" => &mut left_out.overlapped,
                [b'<', ..] => &mut left_out.symbolic,
                text if text.iter().any(|b| matches!(b, b'[' | b']'))
                    || text.len() > 1 && (text.starts_with(b".") || text.ends_with(b".")) =>
                {
                    &mut left_out.breakends
                }
                _ => {
                    let (Some(reference), Some(alternate)) =
                        (&reference, allele(alternate, "ALT", odd)?)
                    else {
                        left_out.ambiguous += 1;
                        continue;
                    };
                    if *reference == alternate {
                        match odd {
                            OddAlleles::Skip => left_out.unchanged += 1,
                            OddAlleles::Error => {
                                return Err(format!("ALT is `{alternate}` as REF is: no variant; `odd_alleles: skip` leaves such alleles out").into());
                            }
                        }
                        continue;
                    }
                    let label = match label {
                        VariantLabel::PerFile(_) => class.map(str::to_string),
                        VariantLabel::Filter => given(record.filters().as_ref()),
                        VariantLabel::Id => given(ids.as_ref()),
                        VariantLabel::Info(key) => {
                            info(record.info().as_ref(), key, header, i, alternates.len())?
                        }
                    };
                    each(Variant {
                        line,
                        chrom: record.reference_sequence_name().to_string(),
                        position: self.position,
                        id: given(ids.as_ref()),
                        reference: reference.clone(),
                        alternate,
                        label,
                    })
                    .map_err(Stopped::Told)?;
                    continue;
                }
            };
            *refused += 1;
        }
        Ok(())
    }
}

/// The bases of an allele; nothing where it has ambiguous ones and is to be left out.
fn allele(
    text: &str,
    column: &str,
    odd: OddAlleles,
) -> std::result::Result<Option<String>, String> {
    let upper = text.to_ascii_uppercase();
    let foreign = upper.bytes().find(|b| !b"ACGTN".contains(b));
    let ambiguous = upper.bytes().all(|b| b"ACGTNRYSWKMBDHV".contains(&b));
    match (foreign, ambiguous && odd == OddAlleles::Skip) {
        (None, _) if !upper.is_empty() => Ok(Some(upper)),
        (Some(_), true) => Ok(None),
        _ => {
            let shown: String = text.chars().take(20).collect();
            let hint = match ambiguous && !upper.is_empty() {
                true => "; `odd_alleles: skip` leaves such alleles out",
                false => "",
            };
            Err(format!(
                "{column} is `{shown}`; an allele is written with A, C, G, T and N{hint}"
            ))
        }
    }
}

/// The value of a key for the ALT allele `i` of `n`.
fn info(
    text: &str,
    key: &str,
    header: &HeaderLines<'_>,
    i: usize,
    n: usize,
) -> std::result::Result<Option<String>, String> {
    let found = text
        .split(';')
        .find_map(|field| match field.split_once('=') {
            Some((k, value)) => (k == key).then_some(Some(value)),
            None => (field == key).then_some(None),
        });
    let value = match found {
        None if header.flag => return Ok(Some("0".into())),
        None | Some(Some("." | "")) => return Ok(None),
        Some(None) => return Ok(Some("1".into())),
        Some(Some(value)) => value,
    };
    let (first, count) = match header.number {
        Some(Number::AlternateBases) => (0, n),
        Some(Number::ReferenceAlternateBases) => (1, n + 1),
        _ => return Ok(Some(value.to_string())),
    };
    let values: Vec<&str> = value.split(',').collect();
    match values.get(first + i) {
        Some(value) if values.len() == count => Ok((*value != ".").then(|| value.to_string())),
        _ => Err(format!(
            "`{key}` has {} values ({value}) where {count} are needed: {n} ALT alleles",
            values.len()
        )),
    }
}
