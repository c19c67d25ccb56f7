//! `predict` on whole genomes: piece by piece, gone on with after a kill, tracks, variants, several adapters, and every
//! change of a base.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod toy;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use lingo_artifact::prediction::{Prediction, Predictions};
use lingo_artifact::random::Stream;
use toy::{Ran, Toy};

/// A toy with the adapters `one/adapter` and `two/adapter` on `model`, that differ by their seed.
fn toy() -> Toy {
    let toy = Toy::new();
    for line in [
        "ingest --fasta left.fa --bed left.bed --label-column 5 --dev-chromosomes b --test-chromosomes c --out e.parquet",
        "tokenize encode --scheme base --model model --input e.parquet --out t.parquet",
        "adapt --model model --input t.parquet --out one --set train.epochs=2 --device cpu",
        "adapt --model model --input t.parquet --out two --set train.epochs=2 --seed 2 --device cpu",
    ] {
        toy.ok(&words(line));
    }
    toy
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn line(more: &str) -> String {
    format!("predict --adapter one/adapter --model model --device cpu {more}")
}

fn predict(toy: &Toy, more: &str) -> Ran {
    toy.ok(&words(&line(more)))
}

fn refused(toy: &Toy, more: &str) -> Ran {
    let ran = toy.lingo(&words(&line(more)));
    assert_ne!(ran.code, 0, "{more}");
    ran
}

/// A table of text by its columns.
fn table(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut lines = text.lines().map(|line| line.split('\t'));
    let header: Vec<&str> = lines.next().unwrap().collect();
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        for (name, cell) in header.iter().zip(line) {
            let column = columns.entry(name.to_string()).or_default();
            column.push(cell.to_string());
        }
    }
    columns
}

fn numbers(column: &[String]) -> Vec<f64> {
    column.iter().map(|cell| cell.parse().unwrap()).collect()
}

/// A FASTA of one sequence `g` of random bases.
fn genome(toy: &Toy, name: &str, bases: usize) -> String {
    let mut stream = Stream::new(3, "genome of the predict tests");
    let sequence: String = (0..bases)
        .map(|_| char::from(b"ACGT"[stream.below(4)]))
        .collect();
    let mut text = ">g\n".to_string();
    for line in sequence.as_bytes().chunks(60) {
        text.push_str(std::str::from_utf8(line).unwrap());
        text.push('\n');
    }
    toy.write(name, &text);
    sequence
}

/// What lies in the toy's folder and begins so.
fn files(toy: &Toy, begin: &str) -> Vec<String> {
    let entries = fs::read_dir(toy.path("")).unwrap();
    let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(begin)).collect()
}

#[test]
fn windows_speak_for_their_centre_and_all_files_say_the_same() {
    let toy = toy();
    let ran = predict(
        &toy,
        "--fasta left.fa --width 10 --stride 4 --out p.tsv --out p.parquet --out p.bed --out p.bedgraph --out p.bw",
    );
    assert!(ran.stderr.contains("sequences/s"), "{}", ran.stderr);
    assert_eq!(files(&toy, ".p"), Vec::<String>::new());
    let rows = table(&toy.read("p.tsv"));
    let (starts, p) = (numbers(&rows["start"]), numbers(&rows["p_1"]));
    assert_eq!(toy.read("p.bed").lines().count(), p.len());
    // Every base of a sequence has the value of the window whose centre it is in.
    let mut expected = BTreeMap::new();
    for ((chrom, start), p) in rows["chrom"].iter().zip(&starts).zip(&p) {
        let length = if chrom == "a" { 800 } else { 200 };
        let end = (*start as u64 + 10).min(length);
        for base in *start as u64 + 3..(*start as u64 + 7).min(end) {
            assert!(expected.insert((chrom.clone(), base), *p as f32).is_none());
        }
    }
    let mut found = BTreeMap::new();
    for line in toy.read("p.bedgraph").lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let value: f32 = cells[3].parse().unwrap();
        for base in cells[1].parse::<u64>().unwrap()..cells[2].parse().unwrap() {
            assert!(found.insert((cells[0].to_string(), base), value).is_none());
        }
    }
    assert_eq!(found, expected);
    // Our own reader of tracks sees the same in both.
    for track in ["p.bedgraph", "p.bw"] {
        let more =
            format!("ingest --fasta left.fa --bed left.bed --track {track} --out {track}.csv");
        toy.ok(&words(&more));
    }
    assert_eq!(toy.read("p.bw.csv"), toy.read("p.bedgraph.csv"));
    // Other values, of all bases.
    predict(
        &toy,
        "--fasta left.fa --width 10 --stride 5 --value logit --class 0 --overlaps mean --out l.bedgraph --out l.tsv",
    );
    let rows = table(&toy.read("l.tsv"));
    let logit = |i: usize| {
        let p: f64 = rows["p_0"][i].parse().unwrap();
        (p / (1.0 - p)).ln()
    };
    let text = toy.read("l.bedgraph");
    let value: Vec<f64> = text
        .lines()
        .map(|line| line.rsplit('\t').next().unwrap().parse().unwrap())
        .collect();
    assert!((value[0] - logit(0)).abs() < 1e-4);
    assert!((value[1] - (logit(0) + logit(1)) / 2.0).abs() < 1e-4);
}

#[test]
fn predictions_equal_those_of_the_run() {
    let toy = toy();
    predict(&toy, "--input e.parquet --out p.parquet");
    let of_run = Predictions::read(&toy.path("one/predictions.parquet")).unwrap();
    let again = Predictions::read(&toy.path("p.parquet")).unwrap();
    let mut compared = 0;
    for row in &of_run.rows {
        let same = |other: &&Prediction| (&other.id, other.split) == (&row.id, row.split);
        let other = again.rows.iter().find(same).unwrap();
        assert_eq!(other, row);
        compared += 1;
    }
    assert!(compared >= 20, "{compared}");
    // Without labels there is no table that could be scored.
    let unlabelled = "id,sequence\nx,ACGTACGTAA\ny,CCCCCGTACC\n";
    toy.write("u.csv", unlabelled);
    let ran = predict(&toy, "--input u.csv --out -");
    assert!(
        ran.stdout.starts_with("id\tprediction\tp_0\tp_1\nx\t"),
        "{}",
        ran.stdout
    );
    // Lower case and RNA are read as DNA is, and what is neither is refused.
    toy.write("rna.csv", "id,sequence\nx,acguacguaa\ny,CCCCCGUACC\n");
    let rna = predict(&toy, "--input rna.csv --out -");
    assert_eq!(rna.stdout, ran.stdout);
    toy.write("protein.csv", "sequence\nACGT\nMKVLAAGIVG\n");
    let ran = refused(&toy, "--input protein.csv --out -");
    let told = "protein.csv: row 2, character 4: `L` is no IUPAC nucleotide code";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    toy.write("other.csv", "sequence,label\nACGT,1\nACGT,2\n");
    let ran = refused(&toy, "--input other.csv --out -");
    let told = "row 2: the label `2` is none of the classes 0, 1";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

/// Waits until the logits of so many bytes are kept; false where the program has ended before.
fn wait_for(toy: &Toy, part: &str, bytes: u64, child: &mut Child) -> bool {
    let begun = Instant::now();
    loop {
        let there = fs::metadata(toy.path(part)).map_or(0, |m| m.len());
        if there >= bytes {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{part}: {there} bytes"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_prediction_that_was_stopped_or_killed_goes_on_to_the_same_bytes() {
    let toy = toy();
    genome(&toy, "g.fa", 60_000);
    let more = "--fasta g.fa --width 20 --stride 3";
    let outs = ["parquet", "tsv", "bedgraph", "bw"];
    let all = |name: &str| -> String {
        let outs = outs.iter().map(|ending| format!(" --out {name}.{ending}"));
        format!("{more}{}", outs.collect::<String>())
    };
    predict(&toy, &all("whole"));
    let piece = 8 + 1024 * 2 * 4 + 32;
    let (mut stops, mut kills) = (0, 0);
    for bytes in [1, 3, 8].map(|pieces| 500 + pieces * piece) {
        for signal in ["-INT", "-KILL"] {
            let mut command = toy.command(&words(&line(&all("again")))[..]);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            if !wait_for(&toy, ".again.parquet.part", bytes, &mut child) {
                continue;
            }
            let kill = std::process::Command::new("kill")
                .args([signal, &child.id().to_string()])
                .status()
                .unwrap();
            assert!(kill.success());
            let ended = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            for ending in outs {
                assert!(!toy.path(&format!("again.{ending}")).exists());
            }
            match signal {
                "-INT" => {
                    assert_eq!(ended.status.code(), Some(75), "{said}");
                    assert!(said.contains("run the same command again"), "{said}");
                    stops += 1;
                }
                _ => kills += 1,
            }
        }
    }
    assert!(stops + kills > 2, "{stops} {kills}");
    let ran = predict(&toy, &all("again"));
    assert!(ran.stderr.contains("going on behind"), "{}", ran.stderr);
    for ending in outs {
        let bytes = |name: &str| fs::read(toy.path(&format!("{name}.{ending}"))).unwrap();
        assert!(bytes("whole") == bytes("again"), "{ending}");
    }
    assert_eq!(files(&toy, ".again"), Vec::<String>::new());
    // What is kept of another prediction is not taken for this one's.
    fs::write(toy.path(".other.tsv.part"), b"of something else").unwrap();
    let ran = predict(&toy, &format!("{more} --out other.tsv"));
    assert!(ran.stderr.contains("begun anew"), "{}", ran.stderr);
    assert_eq!(toy.read("other.tsv"), toy.read("whole.tsv"));
}

/// The most memory that a prediction of a genome of so many bases took, in KiB.
#[cfg(target_os = "linux")]
fn peak(toy: &Toy, bases: usize) -> u64 {
    genome(toy, &format!("{bases}.fa"), bases);
    let more = format!("--fasta {bases}.fa --width 1000 --out m.bw --quiet --threads 2");
    let more = line(&more);
    let mut child = toy.command(&words(&more)).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        // It never falls, so that the last look says what the most was, but for the last milliseconds.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|p| p.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        most = most.max(peak.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(child.wait().unwrap().success());
    most
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_genome() {
    let toy = toy();
    let small = peak(&toy, 3_000_000);
    let large = peak(&toy, 30_000_000);
    println!("3 Mb: {small} KiB, 30 Mb: {large} KiB");
    // Ten times as many windows: some allocator noise, and far less than the 27 MB of bases alone.
    assert!(large < small + 8 * 1024, "{small} KiB, {large} KiB");
}

#[test]
fn variants_are_the_windows_of_ref_and_alt() {
    let toy = toy();
    let g = genome(&toy, "g.fa", 400);
    let at = |i: usize| &g[i..=i];
    let other = |i: usize| if at(i) == "A" { "C" } else { "A" };
    let vcf = |rows: &str| {
        format!("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{rows}")
    };
    let rows = format!(
        "g\t101\trs1\t{}\t{}\t.\t.\t.\ng\t201\t.\t{}\t{}\t.\t.\t.\ng\t3\tend\t{}\t{}\t.\t.\t.\n",
        at(100),
        other(100),
        &g[200..203],
        at(200),
        at(2),
        other(2),
    );
    toy.write("v.vcf", &vcf(&rows));
    let ran = predict(
        &toy,
        "--fasta g.fa --vcf v.vcf --width 11 --as-written --out v.tsv",
    );
    assert!(
        ran.stderr.contains("left out") || ran.stderr.contains("are left out"),
        "{}",
        ran.stderr
    );
    let found = table(&toy.read("v.tsv"));
    assert_eq!(found["pos"], ["101", "201"]);
    assert_eq!(found["id"], ["rs1", ""]);
    // The same windows by hand: five bases, the allele, and what the genome has behind it.
    let by_hand = [
        g[95..106].to_string(),
        format!("{}{}{}", &g[95..100], other(100), &g[101..106]),
        g[195..206].to_string(),
        format!("{}{}", &g[195..201], &g[203..208]),
    ];
    let csv: Vec<String> = by_hand.iter().map(|s| format!("{s}\n")).collect();
    toy.write("h.csv", &format!("sequence\n{}", csv.concat()));
    predict(&toy, "--input h.csv --out h.tsv");
    let p = numbers(&table(&toy.read("h.tsv"))["p_1"]);
    for (column, expected) in [("p_ref", [p[0], p[2]]), ("p_alt", [p[1], p[3]])] {
        assert_eq!(numbers(&found[column]), expected, "{column}");
    }
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let differences = numbers(&found["difference"]);
    for (i, difference) in differences.iter().enumerate() {
        let expected = logit(p[2 * i + 1]) - logit(p[2 * i]);
        assert!(
            (difference - expected).abs() < 1e-4,
            "{difference} {expected}"
        );
    }
    // Variants that call the sequence by another name, or are of another sequence.
    toy.write("alias.tsv", "g\tchrG\n");
    let renamed = rows.replace("g\t", "chrG\t") + "chrY\t5\t.\tA\tC\t.\t.\t.\n";
    toy.write("renamed.vcf", &vcf(&renamed));
    let more = "--fasta g.fa --vcf renamed.vcf --width 11 --as-written --contig-aliases alias.tsv";
    let ran = refused(&toy, &format!("{more} --out r.tsv"));
    assert!(ran.stderr.contains("`chrY`"), "{}", ran.stderr);
    predict(&toy, &format!("{more} --skip-contigs unknown --out r.tsv"));
    assert_eq!(toy.read("r.tsv"), toy.read("v.tsv"));
    // A REF that the genome does not have.
    toy.write(
        "wrong.vcf",
        &vcf(&format!("g\t101\t.\t{}\tG\t.\t.\t.\n", other(100))),
    );
    let ran = refused(&toy, "--fasta g.fa --vcf wrong.vcf --width 11 --out v.tsv");
    assert_eq!(ran.code, 3);
    for part in ["wrong.vcf:3:", "g.fa has", "g:101", "--skip-ref-mismatch"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn several_adapters_are_averaged() {
    let toy = toy();
    let both = "predict --adapter one/adapter --adapter two/adapter --model model --device cpu";
    let more = "--fasta left.fa --bed left.bed --out";
    toy.ok(&words(&format!("{both} {more} both.tsv")));
    predict(&toy, &format!("{more} one.tsv"));
    let two = format!("predict --adapter two/adapter --model model --device cpu {more} two.tsv");
    toy.ok(&words(&two));
    let [both_p, one, two] = ["both", "one", "two"].map(|name| {
        let found = table(&toy.read(&format!("{name}.tsv")));
        numbers(&found["p_1"])
    });
    let sd = numbers(&table(&toy.read("both.tsv"))["sd_1"]);
    assert_eq!(both_p.len(), 120);
    assert!(one != two);
    for i in 0..both_p.len() {
        assert!((both_p[i] - (one[i] + two[i]) / 2.0).abs() < 1e-6);
        assert!((sd[i] - (one[i] - two[i]).abs() / 2f64.sqrt()).abs() < 1e-6);
    }
    // Labelled examples can be scored, by the mean of the probabilities.
    toy.ok(&words(&format!(
        "{both} --input e.parquet --out both.parquet"
    )));
    let scored = toy.ok(&words("evaluate --predictions both.parquet --json"));
    assert!(scored.stdout.contains("\"mcc\""), "{}", scored.stdout);
    // Adapters of other tasks.
    toy.write(
        "r.csv",
        &format!(
            "sequence,label\n{}",
            "ACGTACGTAA,0.25\nCCCCCGTACC,1.5\nACGGACGTAA,0.75\n".repeat(20)
        ),
    );
    for line in [
        "ingest --train r.csv --dev r.csv --test r.csv --label-kind regression --on-leak warn --out r.parquet",
        "tokenize encode --scheme base --model model --input r.parquet --out rt.parquet",
        "adapt --model model --input rt.parquet --out other --set train.epochs=1 --device cpu",
    ] {
        toy.ok(&words(line));
    }
    let mixed =
        format!("predict --adapter one/adapter --adapter other/adapter --model model {more} m.tsv");
    let ran = toy.lingo(&words(&mixed));
    assert_eq!(ran.code, 2);
    for part in [
        "other/adapter",
        "a number",
        "2 classes (0, 1)",
        "only adapters of one task",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn mutagenesis_predicts_every_change() {
    let toy = toy();
    toy.write("w.fa", ">g\nACGTNCCATGATTACAGATTACCA\n");
    toy.write("w.bed", "g\t2\t12\tplus\t0\t+\ng\t12\t22\tminus\t0\t-\n");
    predict(
        &toy,
        "--fasta w.fa --bed w.bed --mutagenesis --out m.tsv --out m.bedgraph --out m.parquet --logo m.svg --logo-of minus",
    );
    let found = table(&toy.read("m.tsv"));
    let differences = numbers(&found["difference"]);
    // Nine bases, and N, of the one; ten of the other.
    assert_eq!(differences.len(), 27 + 30);
    assert_eq!(found["ref"][..4], ["G", "G", "G", "T"]);
    // Changes by hand, on the forward strand and turned around.
    let sequence = "ACGTNCCATGATTACAGATTACCA";
    let complement = |text: &str| -> String {
        let turned = text.chars().rev().map(|base| match base {
            'A' => 'T',
            'C' => 'G',
            'G' => 'C',
            'T' => 'A',
            other => other,
        });
        turned.collect()
    };
    let mut csv = "sequence\n".to_string();
    let starts = numbers(&found["start"]);
    let alleles = found["ref"].iter().zip(&found["alt"]);
    for ((window, start), (from, to)) in found["window"].iter().zip(&starts).zip(alleles) {
        let start = *start as usize;
        assert_eq!(&sequence[start..=start], from);
        let mut changed = sequence.to_string();
        changed.replace_range(start..=start, to);
        for text in [sequence, &changed] {
            match window.as_str() {
                "plus" => csv += &format!("{}\n", &text[2..12]),
                _ => csv += &format!("{}\n", complement(&text[12..22])),
            }
        }
    }
    toy.write("h.csv", &csv);
    predict(&toy, "--input h.csv --out h.tsv");
    let logits: Vec<f64> = numbers(&table(&toy.read("h.tsv"))["p_1"])
        .into_iter()
        .map(|p| (p / (1.0 - p)).ln())
        .collect();
    let mut by_base: BTreeMap<u64, f64> = BTreeMap::new();
    for (i, difference) in differences.iter().enumerate() {
        let expected = logits[2 * i + 1] - logits[2 * i];
        assert!(
            (difference - expected).abs() < 1e-4,
            "{i}: {difference} {expected}"
        );
        *by_base.entry(starts[i] as u64).or_default() += difference.abs() / 3.0;
    }
    let mut on_track = BTreeMap::new();
    for line in toy.read("m.bedgraph").lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let value: f64 = cells[3].parse().unwrap();
        for base in cells[1].parse::<u64>().unwrap()..cells[2].parse().unwrap() {
            on_track.insert(base, value);
        }
    }
    assert_eq!(on_track.len(), 19);
    assert_eq!(
        on_track.keys().collect::<Vec<_>>(),
        by_base.keys().collect::<Vec<_>>()
    );
    for (base, value) in &by_base {
        assert!((on_track[base] - value).abs() < 1e-5, "{base}");
    }
    let logo = toy.read("m.svg");
    assert!(
        logo.starts_with("<svg ") && logo.contains("minus"),
        "{logo}"
    );
}

#[test]
fn what_cannot_be_predicted_is_told_with_what_to_do() {
    let toy = toy();
    toy.write("elsewhere.bed", "chr1\t0\t10\n");
    toy.write("mixed.bed", "a\t20\t30\na\t10\t20\n");
    toy.write("over.bed", "a\t10\t20\na\t15\t25\n");
    for (more, code, parts) in [
        (
            "--fasta left.fa --width 10 --out p.wig",
            2,
            &["p.wig", ".bedgraph", ".bw"][..],
        ),
        (
            "--fasta left.fa --width 10 --stride 11 --out p.bw",
            2,
            &["--stride 11", "--width 10", "at most 10"],
        ),
        (
            "--fasta left.fa --bed elsewhere.bed --out p.bw",
            3,
            &["elsewhere.bed:1", "`chr1`", "left.fa"],
        ),
        (
            "--input e.parquet --out p.bw",
            2,
            &["needs a genome", "--fasta"],
        ),
        (
            "--fasta left.fa --bed mixed.bed --out p.bw",
            3,
            &["a:10", "sort -k1,1"],
        ),
        (
            "--fasta left.fa --bed over.bed --mutagenesis --out p.bw",
            3,
            &["a:15", "do not share bases"],
        ),
        (
            "--fasta left.fa --width 10 --class on --out p.bw",
            2,
            &["--class on", "its classes are 0, 1"],
        ),
        (
            "--fasta left.fa --width 10 --mutagenesis --out m.tsv --logo m.svg --logo-of x",
            3,
            &["--logo-of x"],
        ),
        (
            "--fasta left.fa --width 10 --out p.tsv --out p.tsv",
            2,
            &["given twice"],
        ),
    ] {
        let ran = refused(&toy, more);
        assert_eq!(ran.code, code, "{more}: {}", ran.stderr);
        for part in parts {
            assert!(ran.stderr.contains(part), "{more}: {part}: {}", ran.stderr);
        }
    }
    assert_eq!(files(&toy, "p."), Vec::<String>::new());
}
