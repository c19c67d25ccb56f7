//! Stand-in files under the names that the pages use, so that their commands can be run as they are printed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lingo_artifact::random::Stream;

use crate::pages::{files, model, root};
use crate::server::{COMMIT, Content, Server};
use crate::toy::{Ran, lingo};

/// A folder with every file that an example reads.
pub struct Shelf {
    folder: tempfile::TempDir,
}

/// Chromosomes of the genome: those of yeast and of human that the examples name.
const CHROMOSOMES: [(&str, usize); 7] = [
    ("I", 30_000),
    ("XV", 8_000),
    ("XVI", 8_000),
    ("chr1", 60_000),
    ("chr7", 8_000),
    ("chr8", 8_000),
    ("chr9", 8_000),
];

/// The pipeline of the help's examples.
const PIPELINE: &str = "\
lingo: 1
name: demo
model: { path: MiniLM }
tasks:
  binding: { ingest: { source: { csv: { train: train.csv, dev: dev.csv, test: test.csv } } } }
tokenize: { scheme: base }
methods: { lora: { lora: { rank: 2 } } }
train: { epochs: 2, batch: 8 }
tune: { space: { methods.lora.lora.rank: [1, 2] }, rungs: [1] }
";

/// The design file of the help's examples.
const DESIGN: &str = "\
lingo: 1
name: designs
model: { path: MiniLM }
tasks: { promoter: { data: data/demo/landscape.tsv, offline: { lowest: 200 }, designs: 8 } }
methods: { bib: { bib: { steps: 3 } }, ridge: { ridge: {} }, random: { random: {} } }
seeds: [1, 2]
";

impl Shelf {
    /// Makes every file.
    pub fn new() -> Self {
        let shelf = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for name in ["pipelines", "benches", "data"] {
            copy(&root().join(name), &shelf.path(name));
        }
        model::write(&shelf.path("MiniLM"));
        model::write(&shelf.path("models/all-MiniLM-L6-v2"));
        // A model as torch saves it: any tensors will do.
        let fixtures = root().join("crates/lm/tests/fixtures");
        let pickled = shelf.path("models/DNABERT-2-117M");
        fs::create_dir_all(&pickled).unwrap();
        for (from, to) in [
            ("dnabert2/config.json", "config.json"),
            ("pickled/zip.bin", "pytorch_model.bin"),
        ] {
            fs::copy(fixtures.join(from), pickled.join(to)).unwrap();
        }
        shelf.genome();
        shelf.write("site.yaml", "partition: main\n");
        shelf.write("my.yaml", PIPELINE);
        shelf.write("my-designs.yaml", DESIGN);
        shelf.made_by_commands();
        shelf
    }

    /// A path below the folder.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, through gzip where its name says so.
    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = fs::File::create(path).unwrap();
        if name.ends_with(".gz") {
            let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            gzip.write_all(text.as_bytes()).unwrap();
            gzip.finish().unwrap();
        } else {
            (&file).write_all(text.as_bytes()).unwrap();
        }
    }

    /// A copy of everything, for one page.
    pub fn copy(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        folder
    }

    /// A genome, and everything that lies on it.
    fn genome(&self) {
        let mut stream = Stream::new(1, "stand-in genome");
        let genome: Vec<(&str, String)> = CHROMOSOMES
            .iter()
            .map(|(name, length)| {
                let bases = (0..*length).map(|_| char::from(b"ACGT"[stream.below(4)]));
                (*name, bases.collect())
            })
            .collect();
        let records = |genome: &[(&str, String)]| -> String {
            let record = |(name, bases): &(&str, String)| format!(">{name}\n{bases}\n");
            genome.iter().map(record).collect()
        };
        let fasta = records(&genome);
        for name in [
            "g.fa",
            "g.fa.gz",
            "genome.fa",
            "genome.fa.gz",
            "hg38.fa",
            "new.fa",
            "R64-1-1.fa",
        ] {
            self.write(name, &fasta);
        }
        let of = |name: &str| &genome.iter().find(|(n, _)| *n == name).unwrap().1;
        // (chromosome, how many windows, how far apart)
        let on = |places: &[(&'static str, usize, usize)]| {
            let windows = places
                .iter()
                .flat_map(|&(name, n, apart)| (0..n).map(move |i| (name, 300 + i * apart, i % 2)));
            windows.collect::<Vec<_>>()
        };
        let yeast = on(&[("I", 260, 100), ("XV", 40, 100), ("XVI", 40, 100)]);
        let labelled = |(name, start, label): &(&str, usize, usize)| {
            let strand = if start % 3 == 0 { '-' } else { '+' };
            format!(
                "{name}\t{start}\t{}\tr{start}\t{label}\t{strand}\n",
                start + 60
            )
        };
        let bed: String = yeast.iter().map(labelled).collect();
        self.write("r.bed", &bed);
        self.write("sorted.bed", &bed);
        self.write(
            "sites.bed",
            &yeast[..2].iter().map(labelled).collect::<String>(),
        );
        let human = on(&[("chr1", 220, 260), ("chr8", 25, 260), ("chr9", 25, 260)]);
        let part = |class: usize| -> String {
            let rows = human.iter().filter(|row| row.2 == class).map(labelled);
            rows.collect()
        };
        for (name, class) in [
            ("peaks", 0),
            ("promoters", 0),
            ("background", 1),
            ("other", 1),
        ] {
            self.write(&format!("{name}.bed"), &part(class));
        }
        self.write("new.bed", &part(1));

        for (i, name) in ["H3K4me3", "H3K27ac", "CTCF"].iter().enumerate() {
            let rows = on(&[("chr1", 50, 1000), ("chr7", 5, 1000), ("chr8", 5, 1000)]);
            let row = |(chromosome, start, _): &(&str, usize, usize)| {
                let start = start + 500 + 200 * i;
                format!("{chromosome}\t{start}\t{}\n", start + 400)
            };
            let text: String = rows.iter().map(row).collect();
            self.write(&format!("{name}.narrowPeak"), &text);
        }

        let open = on(&[("chr1", 60, 900)]);
        let peak = |(name, start, _): &(&str, usize, usize)| {
            format!("{name}\t{start}\t{}\t.\t0\t.\t5\t-1\t-1\t40\n", start + 200)
        };
        self.write(
            "atac.narrowPeak",
            &open.iter().map(peak).collect::<String>(),
        );
        let signal = |(name, start, _): &(&str, usize, usize)| {
            format!("{name}\t{start}\t{}\t{}\n", start + 200, start % 7)
        };
        self.write(
            "atac.bedgraph",
            &open.iter().map(signal).collect::<String>(),
        );

        let sequence = |(name, start, _): &(&str, usize, usize)| &of(name)[*start..*start + 60];
        let row = |r: &(&str, usize, usize)| format!("{},{}\n", sequence(r), r.2);
        let (mut all, mut split) = (String::new(), Vec::new());
        for (name, rows) in [
            ("train", &yeast[..260]),
            ("dev", &yeast[260..300]),
            ("test", &yeast[300..]),
        ] {
            let rows: String = rows.iter().map(row).collect();
            all += &rows;
            split.push((name, rows));
        }
        for (name, rows) in split
            .iter()
            .chain([&("all", all.clone()), &("e", all.clone())])
        {
            self.write(&format!("{name}.csv"), &format!("sequence,label\n{rows}"));
        }
        let fasta_of = |of_row: &dyn Fn(&(&str, usize, usize)) -> String| -> String {
            yeast
                .iter()
                .map(|r| format!(">{}\n{}\n", of_row(r), sequence(r)))
                .collect()
        };
        self.write(
            "promoters.fa",
            &fasta_of(&|r| format!("{}-{}|{}", r.0, r.1, r.2)),
        );
        let plain = fasta_of(&|r| format!("{}-{}", r.0, r.1));
        self.write("reads.fa", &plain);
        self.write("windows.fa", &plain);

        let intervals = |class: usize| {
            let rows = human.iter().filter(|row| row.2 == class).enumerate();
            let rows =
                rows.map(|(i, (name, start, _))| format!("{i},{name},{start},{},+\n", start + 100));
            format!("id,region,start,end,strand\n{}", rows.collect::<String>())
        };
        self.write("positive.csv.gz", &intervals(0));
        self.write("negative.csv.gz", &intervals(1));

        let variants = human.iter().map(|(name, start, label)| {
            let reference = &of(name)[*start..=*start];
            let other = if reference == "A" { "C" } else { "A" };
            let label = ["Benign", "Pathogenic"][*label];
            format!(
                "{name}\t{}\tv{start}\t{reference}\t{other}\t.\t.\tCLNSIG={label}\n",
                start + 1
            )
        });
        self.write(
            "clinvar.vcf.gz",
            &format!(
                "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n{}",
                variants.collect::<String>()
            ),
        );
        let genes = (0..50).flat_map(|i| {
            let start = 1000 + 1000 * i;
            let line = |kind: &str, from: usize, to: usize, attributes: String| {
                format!("chr1\tx\t{kind}\t{from}\t{to}\t.\t+\t.\t{attributes}\n")
            };
            [
                line("mRNA", start, start + 699, format!("ID=t{i}")),
                line("exon", start, start + 199, format!("Parent=t{i}")),
                line("exon", start + 500, start + 699, format!("Parent=t{i}")),
            ]
        });
        self.write(
            "genes.gff3.gz",
            &format!("##gff-version 3\n{}", genes.collect::<String>()),
        );
    }

    /// What one command of the program leaves for another.
    fn made_by_commands(&self) {
        for line in [
            "ingest --fasta g.fa --bed r.bed --label-column 5 --dev-chromosomes XV --test-chromosomes XVI --out e.parquet",
            "ingest --fasta g.fa --bed r.bed --label-column 5 --out examples.parquet",
            "tokenize train-bpe --input g.fa --vocab-size 64 --out tokenizer.json",
            "tokenize encode --scheme kmer:3:3 --model MiniLM --input e.parquet --out t.parquet",
            "adapt --model MiniLM --input t.parquet --method lora --out out --set train.epochs=1",
            "run my.yaml",
            "plan my.yaml --out plans/mine",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let ran = run(self.folder.path(), &words);
            assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
        }
        // What PEFT writes is what we write, but for one file.
        copy(&self.path("out/adapter"), &self.path("from_peft"));
        fs::remove_file(self.path("from_peft/lingo.json")).unwrap();
        // Two runs to be compared.
        for name in ["runs/before", "runs/after"] {
            copy(&self.path("runs/demo"), &self.path(name));
        }
    }
}

/// The address of a hub on this machine, which has the stand-in model under the name that the pages use.
fn hub() -> &'static str {
    static HUB: OnceLock<Server> = OnceLock::new();
    let server = HUB.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        model::write(folder.path());
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let paths = files(folder.path());
        Server::new(Content {
            name: "sentence-transformers/all-MiniLM-L6-v2".into(),
            commit: COMMIT.into(),
            files: paths
                .iter()
                .map(|path| (name(path), fs::read(path).unwrap()))
                .collect(),
            large: vec!["model.safetensors".into()],
            ..Content::default()
        })
    });
    &server.endpoint
}

/// Runs the program in a folder, on the CPU, with cache folders there and a hub of this machine.
pub fn run(folder: &Path, words: &[impl AsRef<std::ffi::OsStr>]) -> Ran {
    let mut command = lingo();
    command
        .args(words)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env("HF_ENDPOINT", hub())
        .env("HF_HOME", folder.join("hf"));
    Ran::of(command.output().unwrap())
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in files(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
