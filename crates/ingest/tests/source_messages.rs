//! Every mistake in the files of a source beside BED and CSV gets a sentence that names file, line and value.

// Clippy exempts tests, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lingo_artifact::progress::Silent;
use lingo_ingest::{IngestConfig, ingest};
use serde_json::{Value, json};

const GENOME: &str = ">chr1\nACGTACGTACGTACGTACGT\n>chr2\nGGGGGCCCCC\n";

/// What `ingest` says, with one file `name` beside the genome, without the folder's name.
fn message(name: &str, text: &[u8], source: Value, more: Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("g.fa"), GENOME).unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let mut config = json!({
        "source": source,
        "split": { "ratios": { "train": 1.0, "dev": 0.0, "test": 0.0 } },
    });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    let mut config: IngestConfig = serde_json::from_value(config).unwrap();
    for path in config.paths_mut() {
        *path = folder.path().join(&path);
    }
    ingest(&config, &Silent)
        .expect_err("this must be refused")
        .to_string()
        .replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn vcf() {
    fn t(text: &str, expected: &str) {
        let source = json!({ "vcf": { "fasta": "g.fa", "files": ["v.vcf"], "label": { "info": "CLASS" }, "width": 4 } });
        assert_eq!(
            message("v.vcf", text.as_bytes(), source, json!({})),
            expected
        );
    }
    fn record(record: &str, expected: &str) {
        const HEADER: &str = "##fileformat=VCFv4.2\n##INFO=<ID=CLASS,Number=A,Type=String,Description=\"x\">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n";
        t(
            &format!("{HEADER}{}\n", record.replace(' ', "\t")),
            expected,
        );
    }
    t(
        "",
        "v.vcf: this is no VCF: its header (`##fileformat=VCFv4.2`, then `#CHROM POS ID REF ALT QUAL FILTER INFO`) is missing",
    );
    t(
        "chr1\t3\t.\tG\tA\t.\t.\t.\n",
        "v.vcf:1: this is no VCF: the first line is `##fileformat=VCFv4.2` or another version",
    );
    t(
        "##fileformat=VCFvX\n",
        "v.vcf:1: the version of the format cannot be read: invalid record",
    );
    t(
        "##fileformat=VCFv4.2\nchr1\t3\t.\tG\tA\t.\t.\t.\n",
        "v.vcf:2: the line `#CHROM POS ID REF ALT QUAL FILTER INFO` must stand before the first record",
    );
    t(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n",
        "v.vcf:2: the columns are `#CHROM POS ID REF ALT`, not `#CHROM POS ID REF ALT QUAL FILTER INFO`",
    );
    t(
        "##fileformat=VCFv4.2\n#CHROM POS ID REF ALT QUAL FILTER INFO\n",
        "v.vcf:2: the columns are `#CHROM POS ID REF ALT QUAL FILTER INFO`, not `#CHROM POS ID REF ALT QUAL FILTER INFO`; spaces stand between them where tabs belong",
    );
    t(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n",
        "v.vcf: there is a header but no record",
    );
    t(
        "##fileformat=VCFv4.2\n##INFO=<ID=CLASS,Number=Q,Type=String,Description=\"x\">\n",
        "v.vcf:2: the definition of `CLASS` cannot be read: invalid record",
    );
    let halves = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t3\t\xef\t\xbd\xbfA\tC\t.\t.\t.\n";
    let source =
        json!({ "vcf": { "fasta": "g.fa", "files": ["v.vcf"], "label": "id", "width": 4 } });
    assert_eq!(
        message("v.vcf", halves, source, json!({})),
        "v.vcf:3: this record is not UTF-8 text"
    );
    t(
        "BCF\x02\x02",
        "v.vcf: this is BCF, which is not read here; write VCF (`bcftools view -O z`)",
    );
    record(
        "chr1 3 . G",
        "v.vcf:4: 4 columns where a VCF record has at least 8 (CHROM POS ID REF ALT QUAL FILTER INFO)",
    );
    record(
        "chr1 x . G A . . CLASS=a",
        "v.vcf:4: column 2 (POS) is `x`, not a whole number",
    );
    record(
        "chr1 -3 . G A . . CLASS=a",
        "v.vcf:4: column 2 (POS) is `-3`, not a whole number",
    );
    record(
        "chr1 3 . G A . . ",
        "v.vcf:4: column 8 is empty; write `.` for what is missing",
    );
    record(
        "chr1 3 . . A . . CLASS=a",
        "v.vcf:4: REF is `.`; an allele is written with A, C, G, T and N",
    );
    record(
        "chr1 3 . G AX . . CLASS=a",
        "v.vcf:4: ALT is `AX`; an allele is written with A, C, G, T and N",
    );
    record(
        "chr1 3 . G A, . . CLASS=a,b",
        "v.vcf:4: ALT is ``; an allele is written with A, C, G, T and N",
    );
    record(
        "chr1 3 . G A,C . . CLASS=a",
        "v.vcf:4: `CLASS` has 1 values (a) where 2 are needed: 2 ALT alleles",
    );
    record(
        "chr1 3 . G A . . X=1",
        "v.vcf:4: `chr1:3:G:A` has no `CLASS` in its INFO, which is its label; `only` leaves out what has none of the labels that it names",
    );
    record(
        "chr1 3 . T A . . CLASS=a",
        "v.vcf:4: REF is `T`, but g.fa has `G` at chr1:3; are these variants of another assembly? `ref_mismatch: skip` leaves such variants out",
    );
    record(
        "chr1 19 . GTA A . . CLASS=a",
        "v.vcf:4: REF (3 bases from position 19) lies beyond the 20 bases of `chr1`; are these variants of another assembly?",
    );
    record(
        "chr1 500 . G A . . CLASS=a",
        "v.vcf:4: REF (1 base from position 500) lies beyond the 20 bases of `chr1`; are these variants of another assembly?",
    );
    record(
        "1 3 . G A . . CLASS=a",
        "v.vcf:4: there is no sequence `1` in g.fa, but there is `chr1`: only the `chr` prefix differs; say `contigs: { aliases: { \"1\": \"chr1\" } }`, or give `aliases` a file (--contig-aliases)",
    );
    record(
        "chr1 1 . A C,<DEL> . . CLASS=a,b",
        "no variant is left; left out: 1 symbolic allele (such as <DEL>), 1 variant whose window would leave the chromosome",
    );
    record(
        "chr1 3 . G A . . CLASS=a",
        "all rows have the same label (a); at least two classes are needed",
    );
}

#[test]
fn one_class_is_told_with_a_way_to_more() {
    let vcf = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t3\t.\tG\tA\t.\t.\t.\n";
    let source = json!({ "vcf": { "fasta": "g.fa", "files": ["v.vcf"], "label": { "per_file": ["a"] }, "width": 4 } });
    assert_eq!(
        message("v.vcf", vcf.as_bytes(), source, json!({})),
        "all rows have the same label (a); at least two classes are needed; give a file for each, or take the label from the records (`label: { info: KEY }`, --info KEY)"
    );
    let source =
        json!({ "bed": { "fasta": "g.fa", "beds": ["r.bed"], "label": { "per_file": ["a"] } } });
    assert_eq!(
        message("r.bed", b"chr1\t3\t9\n", source, json!({})),
        "all rows have the same label (a); at least two classes are needed; `negatives` makes one where only positives are given"
    );
}

#[test]
fn names_in_the_place_of_labels_are_told() {
    let rows: String = (0..20)
        .map(|i| format!("chr1\t{i}\t20\tread{i}\n"))
        .collect();
    let rows = rows + "chr2\t0\t5\tx\nchr2\t1\t5\ty\n";
    let source = json!({ "bed": { "fasta": "g.fa", "beds": ["r.bed"], "label": { "column": 4 } } });
    let split = json!({ "split": { "ratios": { "train": 0.8, "dev": 0.1, "test": 0.1 } } });
    assert_eq!(
        message("r.bed", rows.as_bytes(), source, split),
        "test has no row (22 rows in all); split in another way; the rows have 22 different labels (`read0`, ...): is this the column of the label?"
    );
}

#[test]
fn gff() {
    fn t(text: &str, expected: &str) {
        let source = json!({ "gff": { "fasta": "g.fa", "files": ["a.gff"], "windows": [{ "promoter": { "up": 2, "down": 1 } }, { "donor": { "up": 1, "down": 1 } }] } });
        let text = text.replace(' ', "\t");
        assert_eq!(
            message("a.gff", text.as_bytes(), source, json!({})),
            expected
        );
    }
    let nothing = "a.gff: the file holds no feature; GFF3 and GTF have nine columns with tabs between: seqid, source, type, start, end, score, strand, phase, attributes";
    t("", nothing);
    t("##gff-version\n#x\n\n##FASTA\n>a\nAC\n", nothing);
    t(
        "chr1 x mRNA 3 9\n",
        "a.gff:1: 5 columns where GFF3 and GTF have 9",
    );
    t(
        "chr1 x mRNA 0 9 . + . ID=t\n",
        "a.gff:1: column 4 (start) is `0`, not a whole number from 1; positions count from 1 here",
    );
    t(
        "chr1 x mRNA 3 9,5 . + . ID=t\n",
        "a.gff:1: column 5 (end) is `9,5`, not a whole number from 1",
    );
    t(
        "chr1 x mRNA 9 3 . + . ID=t\n",
        "a.gff:1: the end (3) lies before the start (9)",
    );
    t(
        "chr1 x mRNA 3 9 . x . ID=t\n",
        "a.gff:1: column 7 (strand) is `x`; use +, -, . or ?",
    );
    t(
        " x mRNA 3 9 . + . ID=t\n",
        "a.gff:1: column 1 (seqid) is empty",
    );
    t(
        "chr1 x mRNA 3 9 . + . ID=t;Parent\n",
        "a.gff:1: column 9 (attributes) cannot be read (invalid tag): `ID=t;Parent`; GFF3 writes `ID=t1;Parent=g1`, GTF writes `gene_id \"g1\"; transcript_id \"t1\";`",
    );
    t(
        "1 x mRNA 3 9 . + . ID=t\n",
        "a.gff:1: there is no sequence `1` in g.fa, but there is `chr1`: only the `chr` prefix differs; say `contigs: { aliases: { \"1\": \"chr1\" } }`, or give `aliases` a file (--contig-aliases)",
    );
    t(
        "chr1 x mRNA 30 39 . + . ID=t\n",
        "a.gff:1: the start (30) lies beyond the 20 bases of `chr1`; is this annotation of another assembly?",
    );
    t(
        "chr1 x gene 3 9 . + . ID=t\n",
        "a.gff: there is nothing for `promoter` (0 transcripts taken); the features are: 1 gene",
    );
    t(
        "chr1 x mRNA 3 9 . + . ID=t\nchr1 x CDS 3 9 . + . Parent=t\n",
        "a.gff: there is nothing for `donor` (1 transcripts taken); the features are: 1 CDS, 1 mRNA",
    );
    t(
        "chr1 x mRNA 1 20 . . . ID=t\nchr1 x exon 1 5 . . . Parent=t\nchr1 x exon 9 20 . . . Parent=t\n",
        "no window is left: 0 would leave their chromosome, 2 transcripts have no strand",
    );
    let source = json!({ "gff": { "fasta": "g.fa", "files": ["a.gff"], "windows": [{ "promoter": { "up": 2, "down": 1 } }], "label": { "attribute": "biotype" } } });
    let gtf = b"chr1\tx\ttranscript\t3\t9\t.\t+\t.\ttranscript_id \"t\";\n";
    assert_eq!(
        message("a.gff", gtf, source, json!({})),
        "a.gff:1: `t` has no attribute `biotype`, which is its label; say `only` or `transcripts` to leave such features out"
    );
    let spaces = b"chr1 x mRNA 3 9 . + . ID=t\n";
    let source = json!({ "gff": { "fasta": "g.fa", "files": ["a.gff"], "windows": [{ "promoter": { "up": 2, "down": 1 } }] } });
    assert_eq!(
        message("a.gff", spaces, source, json!({})),
        "a.gff:1: 1 column where GFF3 and GTF have 9; spaces stand between them where tabs belong"
    );
}

#[test]
fn interval_tables() {
    fn t(text: &str, expected: &str) {
        let source = json!({ "interval_csv": { "fasta": "g.fa", "tables": [{ "file": "p.csv", "class": "a" }] } });
        assert_eq!(
            message("p.csv", text.as_bytes(), source, json!({})),
            expected
        );
    }
    t(
        "",
        "p.csv: the file is empty; it needs a header (`id,region,start,end,strand`) and rows",
    );
    t(
        "id,region,start,end,strand\n",
        "p.csv: there is a header but no row",
    );
    t(
        "id,chrom,start,end,strand\n0,chr1,0,4,+\n",
        "p.csv:1: the column `region` is missing; there are: `id`, `chrom`, `start`, `end`, `strand` (read with commas). The header is `id,region,start,end,strand`",
    );
    t(
        "id,region,start,end,strand\n0,chr1,0,4\n",
        "p.csv:2: this row has 4 fields where the header has 5",
    );
    t(
        "id,region,start,end,strand\n0,,0,4,+\n",
        "p.csv:2: column `region` is empty; it names a sequence of the genome",
    );
    t(
        "id,region,start,end,strand\n0,chr1,x,4,+\n",
        "p.csv:2: column 3 (start) is `x`, not a whole number; is this a header line? begin it with `#`",
    );
    t(
        "id,region,start,end,strand\n0,chr1,4,4,+\n",
        "p.csv:2: the interval has no bases (start and end are both 4); BED counts from 0 and does not include the end, so one base is 4 to 5",
    );
    t(
        "id,region,start,end,strand\n0,chr1,0,4,1\n",
        "p.csv:2: column `strand`: `1` is not a strand; use +, - or ., or set `stranded: false`",
    );
    t(
        "id,region,start,end,strand\n0,chr1,0,21,+\n",
        "p.csv:2: the end (21) lies beyond the 20 bases of `chr1`; are these intervals of another assembly?",
    );
    t(
        "id,region,start,end,strand\n0,chr3,0,1,+\n",
        "p.csv:2: there is no sequence `chr3` in g.fa; there are: chr1, chr2; `contigs: { skip: unknown }` (--skip-contigs unknown) leaves such rows out",
    );
    let padded = json!({ "interval_csv": {
        "fasta": "g.fa", "tables": [{ "file": "p.csv", "class": "a" }], "beyond_end": "pad",
    } });
    assert_eq!(
        message(
            "p.csv",
            b"id,region,start,end,strand\n0,chr1,0,21,+\n",
            padded,
            json!({})
        ),
        "p.csv:2: the end (21) lies beyond the 20 bases of `chr1`; are these intervals of another assembly? `beyond_end: pad` (--pad) fills up windows of a `width`; intervals must lie on their chromosome: cut them off"
    );
}

#[test]
fn labelled_fasta() {
    fn t(text: &str, more: Value, expected: &str) {
        let mut source = json!({ "file": "s.fa" });
        for (key, value) in more.as_object().unwrap() {
            source[key] = value.clone();
        }
        let source = json!({ "labelled_fasta": source });
        assert_eq!(
            message("s.fa", text.as_bytes(), source, json!({})),
            expected
        );
    }
    t(
        "",
        json!({}),
        "s.fa: the file holds no sequence; a record begins with `>id|label`",
    );
    t(
        "ACGT\n",
        json!({}),
        "s.fa:1: text before the first header; a FASTA file begins with `>name`",
    );
    t(
        ">a\nACGT\n",
        json!({}),
        "s.fa:1: there is no `|` in the header `a`; the label stands behind it, as in `>id|label`; say `separator` where it is another",
    );
    t(
        ">a|1\nAC\n>b| \nAC\n",
        json!({}),
        "s.fa:3: field 2 of the header `b|` is empty; a label is needed",
    );
    t(
        ">a|1\nAC\n",
        json!({ "field": 3 }),
        "s.fa:1: the header `a|1` has 2 fields where the label is in field 3",
    );
    t(
        ">a|1\n>b|1\nAC\n",
        json!({}),
        "s.fa:1: the sequence `a` has no bases; remove its header or restore its lines",
    );
    t(
        ">a|1\nAC-T\n",
        json!({}),
        "s.fa:2: column 3: `-` in the sequence `a` is no IUPAC nucleotide code; DNA or RNA is needed here (ACGTU, RYSWKMBDHV, N)",
    );
}

#[test]
fn peaks() {
    fn t(text: &str, more: Value, expected: &str) {
        let mut source = json!({ "fasta": "g.fa", "peaks": ["p.bed"], "bin": 4, "context": 8 });
        for (key, value) in more.as_object().unwrap() {
            source[key] = value.clone();
        }
        let source = json!({ "peak_matrix": source });
        assert_eq!(
            message("p.bed", text.as_bytes(), source, json!({})),
            expected
        );
    }
    t(
        "",
        json!({}),
        "p.bed: the file is empty; a BED file has at least one row: chromosome, start, end",
    );
    t(
        "chr1\t0\t30\n",
        json!({}),
        "p.bed:1: the end (30) lies beyond the 20 bases of `chr1`; are these peaks of another assembly?",
    );
    t(
        "1\t0\t30\n",
        json!({}),
        "p.bed:1: there is no sequence `1` in g.fa, but there is `chr1`: only the `chr` prefix differs; say `contigs: { aliases: { \"1\": \"chr1\" } }`, or give `aliases` a file (--contig-aliases)",
    );
    t(
        "chr1\t0\t2\n",
        json!({}),
        "no bin of 4 bases becomes an example: 7 have no label (more than 2 bases covered), and the sequence around 0 would leave its chromosome",
    );
    t(
        "chr1\t0\t4\n",
        json!({}),
        "no bin of 4 bases becomes an example: 6 have no label (more than 2 bases covered), and the sequence around 1 would leave its chromosome",
    );
}

#[test]
fn contradictory_configurations() {
    fn t(source: Value, more: Value, expected: &str) {
        assert_eq!(
            message("x", b"", source, more),
            format!("ingest: {expected}")
        );
    }
    let no_split = || json!({ "split": null });
    let vcf = |more: Value| {
        let mut source = json!({ "fasta": "g.fa", "files": ["v.vcf"], "label": "id", "width": 4 });
        for (key, value) in more.as_object().unwrap() {
            source[key] = value.clone();
        }
        json!({ "vcf": source })
    };
    t(
        vcf(json!({ "files": [] })),
        json!({}),
        "`files` names no VCF",
    );
    t(
        vcf(json!({ "label": { "per_file": ["a", "b"] } })),
        json!({}),
        "`label.per_file` has 2 names for 1 VCF files; it needs one for each",
    );
    t(
        vcf(json!({})),
        no_split(),
        "a `vcf` source needs `split`: `chromosomes`, `ratios`, `folds` or `clusters`",
    );
    let gff = |windows: Value| json!({ "gff": { "fasta": "g.fa", "files": ["a.gff"], "windows": windows } });
    t(
        gff(json!([])),
        json!({}),
        "`windows` is empty; name at least one, such as `promoter: { up: 249, down: 50 }`",
    );
    t(
        gff(json!([{ "donor": { "up": 0, "down": 0 } }])),
        json!({}),
        "`donor` has no bases: `up` and `down` are both 0",
    );
    t(
        gff(
            json!([{ "promoter": { "up": 1, "down": 0 } }, { "promoter": { "up": 2, "down": 0 } }]),
        ),
        json!({}),
        "`windows` names `promoter` twice; each kind of window is one class",
    );
    t(
        json!({ "gff": { "fasta": "g.fa", "files": [], "windows": [] } }),
        json!({}),
        "`files` names no annotation",
    );
    let tables = |tables: Value| json!({ "interval_csv": { "fasta": "g.fa", "tables": tables } });
    t(tables(json!([])), json!({}), "`tables` names no file");
    t(
        tables(
            json!([{ "file": "a.csv", "class": "a", "split": "train" }, { "file": "b.csv", "class": "b" }]),
        ),
        no_split(),
        "the table b.csv has no `split`, but others have; give it to all tables, or to none and say `split` for the source",
    );
    let given = json!([{ "file": "a.csv", "class": "a", "split": "train" }, { "file": "b.csv", "class": "b", "split": "test" }]);
    t(
        tables(given.clone()),
        json!({}),
        "the files have their splits: `split` has nothing to do; remove it",
    );
    t(
        tables(given),
        no_split(),
        "there is train and test, but no dev; give one, or take it from train: `dev_from_train: { share: 0.1 }`",
    );
    t(
        tables(json!([{ "file": "a.csv", "class": "a", "split": "dev" }])),
        no_split(),
        "train and test are both needed where the files have their splits",
    );
    t(
        json!({ "interval_csv": { "fasta": "g.fa", "tables": [{ "file": "a.csv", "class": "a" }], "dev_from_train": { "share": 0.1 } } }),
        json!({}),
        "`dev_from_train` needs tables with `split: train`",
    );
    let fasta = |source: Value| json!({ "labelled_fasta": source });
    t(
        fasta(json!({})),
        json!({}),
        "a `labelled_fasta` source needs `train` and `test`, or else one `file`",
    );
    t(
        fasta(json!({ "file": "a", "train": "b" })),
        json!({}),
        "give `file`, or else `train` and `test`, not both",
    );
    t(
        fasta(json!({ "file": "a" })),
        no_split(),
        "a `labelled_fasta` source with one `file` needs `split: { ratios: ... }`",
    );
    t(
        fasta(json!({ "file": "a", "separator": "" })),
        json!({}),
        "`separator` is empty; it stands between id and label, such as `|`",
    );
    t(
        fasta(json!({ "file": "a", "dev_from_train": { "share": 0.1 } })),
        json!({}),
        "`dev_from_train` needs `train`; with one `file`, `split` makes dev",
    );
    t(
        fasta(json!({ "train": "a", "dev": "b", "test": "c", "dev_from_train": { "share": 0.1 } })),
        no_split(),
        "there is dev: `dev_from_train` has nothing to do; remove it",
    );
    let peaks = |more: Value| {
        let mut source = json!({ "fasta": "g.fa", "peaks": ["a/x.bed", "b/x.narrowPeak"] });
        for (key, value) in more.as_object().unwrap() {
            source[key] = value.clone();
        }
        json!({ "peak_matrix": source })
    };
    t(
        peaks(json!({})),
        json!({}),
        "two peak files are called `x`; say `names`, one for each file",
    );
    t(
        peaks(json!({ "names": ["a", "a"] })),
        json!({}),
        "two peak files are called `a`; each class needs a name of its own",
    );
    t(
        peaks(json!({ "names": ["a"] })),
        json!({}),
        "`names` has 1 names for 2 peak files; it needs one for each",
    );
    t(
        peaks(json!({ "names": ["a", "b"], "context": 100 })),
        json!({}),
        "`context` (100) is shorter than `bin` (200); the sequence holds the whole bin",
    );
    t(
        peaks(json!({ "names": ["a", "b"] })),
        json!({ "classes": ["a", "b"] }),
        "the classes of a `peak_matrix` are its files: say `names` instead of `classes`",
    );
    t(
        peaks(json!({ "names": ["a", "b"] })),
        json!({ "label_kind": "regression" }),
        "a `peak_matrix` has several labels at once: remove `label_kind`",
    );
    t(
        peaks(json!({ "peaks": [] })),
        json!({}),
        "`peaks` names no file",
    );
}
