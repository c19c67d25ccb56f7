//! The sources beside BED and tables of sequences, and `locate`, by their commands.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use toy::Toy;

/// The columns of a TSV on stdout that are named.
fn columns(stdout: &str, names: &[&str]) -> Vec<Vec<String>> {
    let mut lines = stdout.lines().map(|l| l.split('\t').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let places: Vec<usize> = names
        .iter()
        .map(|n| header.iter().position(|h| h == n).unwrap())
        .collect();
    lines
        .map(|l| places.iter().map(|p| l[*p].to_string()).collect())
        .collect()
}

const ALL: [&str; 4] = ["--ratios", "1,0,0", "--out", "-"];

/// The named columns of what `ingest` makes of its arguments; words between spaces, both.
fn ingest(toy: &Toy, arguments: &str, names: &str) -> Vec<Vec<String>> {
    let words: Vec<&str> = arguments.split(' ').collect();
    let ran = toy.ok(&[&["ingest"], &words[..], &ALL[..]].concat());
    columns(&ran.stdout, &names.split(' ').collect::<Vec<_>>())
}

fn genome() -> Toy {
    let toy = Toy::new();
    toy.write(
        "g.fa",
        ">I\nACGTACGTTGCAAGCTTAACGGATCC\n>II\nGATTACAGATTACAGGCATT\n",
    );
    toy
}

#[test]
fn every_source_has_its_command() {
    let toy = genome();
    toy.write(
        "v.vcf",
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nI\t9\tx\tT\tA\t.\t.\tKIND=good\nI\t9\ty\tA\tG\t.\t.\tKIND=bad\nI\t10\tz\tG\tGA,<DEL>\t.\t.\tKIND=bad\n",
    );
    let variants = "--fasta g.fa --vcf v.vcf --info KIND --width 6";
    assert_eq!(
        ingest(
            &toy,
            &format!("{variants} --skip-ref-mismatch"),
            "id sequence sequence2"
        ),
        [["x", "GTTGCA", "GTAGCA"], ["z", "TTGCAA", "TTGACA"]]
    );
    let refused = toy.lingo(
        &[
            &["ingest"],
            &variants.split(' ').collect::<Vec<_>>()[..],
            &ALL[..],
        ]
        .concat(),
    );
    assert_eq!(refused.code, 3);
    assert!(
        refused
            .stderr
            .contains("REF is `A`, but g.fa has `T` at I:9"),
        "{}",
        refused.stderr
    );
    toy.write(
        "a.gtf",
        "I\tx\texon\t3\t8\t.\t+\t.\ttranscript_id \"t\";\nI\tx\texon\t15\t20\t.\t+\t.\ttranscript_id \"t\";\n",
    );
    assert_eq!(
        ingest(
            &toy,
            "--fasta g.fa --gff a.gtf --donor 2,2 --acceptor 2,1",
            "id sequence start"
        ),
        [["t:donor:1", "GTTG", "6"], ["t:acceptor:1", "AGC", "12"]]
    );
    toy.write("yes.csv", "id,region,start,end,strand\n0,II,0,7,-\n");
    toy.write("no.csv", "id,region,start,end,strand\n0,I,0,4,+\n");
    assert_eq!(
        ingest(
            &toy,
            "--fasta g.fa --intervals yes.csv --intervals no.csv",
            "sequence label"
        ),
        [["TGTAATC", "1"], ["ACGT", "0"]]
    );
    toy.write("s.fa", ">a;x;1\nAC\n>b;y;2\nGG\n");
    assert_eq!(
        ingest(
            &toy,
            "--labelled-fasta s.fa --separator ; --label-field 2",
            "id sequence label"
        ),
        [["a", "AC", "0"], ["b", "GG", "1"]]
    );
    toy.write("one.bed", "I\t0\t9\nII\t10\t14\n");
    toy.write("two.narrowPeak", "I\t4\t20\n");
    assert_eq!(
        ingest(
            &toy,
            "--fasta g.fa --peaks one.bed --peaks two.narrowPeak --bin 5 --context 7 --pad",
            "sequence label"
        ),
        [
            ["NACGTAC", "1 0"],
            ["ACGTTGC", "1 1"],
            ["GCAAGCT", "0 1"],
            ["CTTAACG", "0 1"],
            ["TTACAGG", "1 0"]
        ]
    );
}

#[test]
fn sources_that_contradict_each_other_are_told() {
    fn t(arguments: &[&str], expected: &str) {
        let ran = genome().lingo(&[&["ingest"], arguments, &ALL[..]].concat());
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
    t(
        &["--fasta", "g.fa"],
        "<--bed <BED>|--vcf <VCF>|--gff <GFF>|--intervals <INTERVALS>|--peaks <PEAKS>>",
    );
    t(
        &["--fasta", "g.fa", "--bed", "a", "--peaks", "b"],
        "cannot be used with",
    );
    t(&["--fasta", "g.fa", "--vcf", "v.vcf"], "--width <N>");
    t(&["--fasta", "g.fa", "--gff", "a.gff"], "`windows` is empty");
    t(
        &["--fasta", "g.fa", "--gff", "a", "--promoter", "300"],
        "such as 249,50",
    );
    t(&[], "--labelled-fasta");
}

#[test]
fn sequences_are_found_and_split_by_chromosome() {
    let toy = genome();
    toy.write(
        "train.csv",
        "sequence,label\nGTACGTTGCAAGCTTAACGG,1\nTGCCTGTAATCTGTAAT,0\nTTTTTTTTTTTTTTTTT,0\n",
    );
    let ran = toy.ok(&[
        "locate",
        "--fasta",
        "g.fa",
        "--input",
        "train.csv",
        "--out",
        "f.bed",
    ]);
    assert!(
        ran.stderr
            .contains("2 of 3 sequences lie in one place; 1 in none"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        toy.read("f.bed"),
        "I\t2\t22\ttrain:1\t1\t+\t1\nII\t1\t18\ttrain:2\t0\t-\t1\n"
    );
    let split = ["--bed", "f.bed", "--label-column", "5", "--ratios", "1,0,0"];
    let ran = toy.ok(&[&["ingest", "--fasta", "g.fa", "--out", "-"], &split[..]].concat());
    assert_eq!(
        columns(&ran.stdout, &["id", "sequence", "label"]),
        [
            ["train:1", "GTACGTTGCAAGCTTAACGG", "1"],
            ["train:2", "TGCCTGTAATCTGTAAT", "0"]
        ]
    );
    let counts = toy.ok(&[
        "locate",
        "--fasta",
        "g.fa",
        "-i",
        "train.csv",
        "--out",
        "f.bed",
        "--json",
    ]);
    let counts: serde_json::Value = serde_json::from_str(&counts.stdout).unwrap();
    assert_eq!(counts["schema"], "lingo-pipe/locate/1");
    assert_eq!(
        (&counts["unique"], &counts["not_found"]),
        (&2.into(), &1.into())
    );
    let both = toy.lingo(&[
        "locate",
        "--fasta",
        "g.fa",
        "-i",
        "train.csv",
        "--out",
        "-",
        "--json",
    ]);
    assert_eq!(both.code, 2);
    let ending = toy.lingo(&[
        "locate",
        "--fasta",
        "g.fa",
        "-i",
        "train.csv",
        "--out",
        "f.txt",
    ]);
    assert_eq!(ending.code, 2);
}
