"""A small genome with annotation, variants and peaks, and what Biopython and bedtools make of them.

Usage: python tests/oracles/ingest_sources.py crates/ingest/tests/fixtures/sources

Writes genome.fa, genes.gff3, genes.gtf, variants.vcf, peaks_{a,b,c}.bed and expected.tsv with the columns source, id, place
(chrom:start-end(strand)), sequence, and second sequence or labels; rows sorted.
Windows of annotations: bedtools subtract (introns), slop -s (windows, those that it clips are left out), getfasta -s.
Variants: whole chromosomes edited through Bio.Seq.MutableSeq, and cut. Bins: bedtools makewindows and coverage.
Needs biopython (requirements.txt) and bedtools 2.30 or later.
"""

import random
import subprocess
import sys
import tempfile
from pathlib import Path

from Bio.Seq import MutableSeq

PROMOTER = (249, 50)
DONOR = (20, 30)
ACCEPTOR = (30, 10)
WIDTH = 64
BIN, CONTEXT = 200, 1000


def bedtools(*arguments):
    run = subprocess.run(["bedtools", *map(str, arguments)], capture_output=True, check=True, text=True)
    return [line.split("\t") for line in run.stdout.splitlines()]


def genome(rng):
    made = {}
    for name, length in [("chrA", 5230), ("chrB", 3100), ("chrC", 1450)]:
        bases = [rng.choice("ACGT") for _ in range(length)]
        for _ in range(3):
            start = rng.randrange(length - 40)
            for i in range(start, start + rng.randrange(5, 40)):
                bases[i] = rng.choice(["N", bases[i].lower()])
        made[name] = "".join(bases)
    return made


def transcripts(rng, sequences):
    made = []
    for number in range(24):
        chrom = rng.choice(sorted(sequences))
        length = len(sequences[chrom])
        start = rng.randrange(0, length - 300)
        end = min(length, start + rng.randrange(120, 900))
        cuts = sorted(rng.sample(range(start + 5, end - 5), 2 * rng.randrange(0, 4)))
        edges = [start, *cuts, end]
        exons = list(zip(edges[::2], edges[1::2]))
        made.append((f"tx{number}", chrom, start, end, rng.choice("+-"), exons))
    # Two transcripts with one start site.
    name, chrom, start, end, strand, exons = made[0]
    made.append(("tx24", chrom, start, end, strand, [(start, start + 10), (end - 20, end)]))
    return made


def write_annotation(folder, genes):
    gff, gtf = ["##gff-version 3"], ["#!made for a test"]
    for name, chrom, start, end, strand, exons in genes:
        row = lambda kind, a, b, rest: "\t".join([chrom, "test", kind, str(a + 1), str(b), ".", strand, ".", rest])
        gff.append(row("mRNA", start, end, f"ID={name};Parent=gene_{name}"))
        gtf.append(row("transcript", start, end, f'gene_id "gene_{name}"; transcript_id "{name}";'))
        # GTF lists exons in the direction of the transcript.
        for a, b in exons:
            gff.append(row("exon", a, b, f"Parent={name}"))
        for a, b in exons if strand == "+" else exons[::-1]:
            gtf.append(row("exon", a, b, f'gene_id "gene_{name}"; transcript_id "{name}";'))
    (folder / "genes.gff3").write_text("\n".join(gff) + "\n")
    (folder / "genes.gtf").write_text("\n".join(gtf) + "\n")


def windows(scratch, fasta, sizes, rows, up, down):
    """Rows (chrom, base, name, strand) to windows around that one base: slop -s clips at the ends, and what it clips is left out."""
    bed = scratch / "sites.bed"
    bed.write_text("".join(f"{c}\t{i}\t{i + 1}\t{n}\t0\t{s}\n" for c, i, n, s in rows))
    wide = bedtools("slop", "-s", "-l", up, "-r", down, "-i", bed, "-g", sizes)
    kept = [row for row in wide if int(row[2]) - int(row[1]) == up + 1 + down]
    bed.write_text("".join("\t".join(row) + "\n" for row in kept))
    cut = bedtools("getfasta", "-s", "-tab", "-fi", fasta, "-bed", bed)
    seen = set()
    for row, (place, sequence) in zip(kept, cut):
        key = tuple(row[:3]) + (row[5],)
        if key not in seen:
            seen.add(key)
            yield row[3], f"{row[0]}:{row[1]}-{row[2]}({row[5]})", sequence.upper()


def annotation_rows(scratch, fasta, sizes, genes):
    start_sites = [(c, a if s == "+" else b - 1, f"{n}:promoter", s) for n, c, a, b, s, _ in genes]
    for row in windows(scratch, fasta, sizes, start_sites, *PROMOTER):
        yield ("promoter", *row, "")
    donors, acceptors = [], []
    for name, chrom, start, end, strand, exons in genes:
        a, b = scratch / "a.bed", scratch / "b.bed"
        a.write_text(f"{chrom}\t{start}\t{end}\n")
        b.write_text("".join(f"{chrom}\t{x}\t{y}\n" for x, y in exons))
        introns = [(int(row[1]), int(row[2])) for row in bedtools("subtract", "-a", a, "-b", b)]
        if strand == "-":
            introns.reverse()
        for i, (x, y) in enumerate(introns, 1):
            first, last = (x, y - 1) if strand == "+" else (y - 1, x)
            donors.append((chrom, first, f"{name}:donor:{i}", strand))
            acceptors.append((chrom, last, f"{name}:acceptor:{i}", strand))
    # The first base of an intron is one of those downstream of the donor; the last one of those upstream of the acceptor.
    for row in windows(scratch, fasta, sizes, donors, DONOR[0], DONOR[1] - 1):
        yield ("donor", *row, "")
    for row in windows(scratch, fasta, sizes, acceptors, ACCEPTOR[0] - 1, ACCEPTOR[1]):
        yield ("acceptor", *row, "")


def variants(rng, sequences):
    made = []
    for number in range(60):
        chrom = rng.choice(sorted(sequences))
        bases = sequences[chrom]
        position = rng.choice([rng.randrange(0, 70), len(bases) - rng.randrange(1, 70), rng.randrange(len(bases))])
        length = rng.choice([1, 1, 1, 2, 3, 9])
        reference = bases[position : position + length].upper()
        alleles = {"".join(rng.choice("ACGT") for _ in range(rng.choice([1, 1, 2, 5, 12]))) for _ in range(rng.choice([1, 1, 2]))}
        alleles = sorted(alleles - {reference})
        if alleles:
            made.append((chrom, position, f"v{number}", reference, alleles))
    return made


def variant_rows(sequences, all_variants):
    left = (WIDTH - 1) // 2
    for chrom, position, name, reference, alleles in all_variants:
        whole = sequences[chrom].upper()
        assert whole[position : position + len(reference)] == reference
        for allele in alleles:
            edited = MutableSeq(whole)
            edited[position : position + len(reference)] = allele
            start = position - left
            first, second = whole[start : start + WIDTH], str(edited[start : start + WIDTH])
            fits = max(len(reference), len(allele)) <= WIDTH - left
            if start >= 0 and fits and len(first) == len(second) == WIDTH:
                yield "variant", name, f"{chrom}:{start}-{start + WIDTH}(+)", first, second


def peak_rows(scratch, sizes, sequences, files):
    bins = scratch / "bins.bed"
    bins.write_text("".join("\t".join(row) + "\n" for row in bedtools("makewindows", "-g", sizes, "-w", BIN)))
    labels = {}
    for path in files:
        for row in bedtools("coverage", "-a", bins, "-b", path):
            if int(row[2]) - int(row[1]) == BIN:
                labels.setdefault((row[0], int(row[1])), []).append(int(float(row[6]) > 0.5))
    side = (CONTEXT - BIN) // 2
    for (chrom, start), row in labels.items():
        if any(row):
            bases = "N" * side + sequences[chrom].upper() + "N" * side
            first, last = max(0, start - side), min(len(sequences[chrom]), start + BIN + side)
            sequence = bases[start : start + CONTEXT]
            yield "bin", "", f"{chrom}:{first}-{last}(.)", sequence, " ".join(map(str, row))


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(20)
    sequences = genome(rng)
    fasta = folder / "genome.fa"
    wrapped = lambda s: "\n".join(s[i : i + 70] for i in range(0, len(s), 70))
    fasta.write_text("".join(f">{name}\n{wrapped(s)}\n" for name, s in sequences.items()))
    genes = transcripts(rng, sequences)
    write_annotation(folder, genes)
    all_variants = variants(rng, sequences)
    lines = ["##fileformat=VCFv4.3", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"{c}\t{p + 1}\t{n}\t{r}\t{','.join(a)}\t.\t{'ab'[i % 2]}\t." for i, (c, p, n, r, a) in enumerate(all_variants)]
    (folder / "variants.vcf").write_text("\n".join(lines) + "\n")
    files = []
    for letter in "abc":
        rows = []
        for _ in range(14):
            chrom = rng.choice(sorted(sequences))
            start = rng.randrange(0, len(sequences[chrom]) - 60)
            rows.append((chrom, start, min(len(sequences[chrom]), start + rng.randrange(20, 500))))
        # Half of a bin exactly, and one base more.
        rows += [("chrA", 1000, 1100), ("chrA", 1200, 1301)]
        files.append(folder / f"peaks_{letter}.bed")
        files[-1].write_text("".join(f"{c}\t{s}\t{e}\n" for c, s, e in rows))
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        copy = scratch / "genome.fa"
        copy.write_text(fasta.read_text())
        sizes = scratch / "sizes"
        sizes.write_text("".join(f"{n}\t{len(s)}\n" for n, s in sequences.items()))
        rows = list(annotation_rows(scratch, copy, sizes, genes))
        rows += variant_rows(sequences, all_variants)
        rows += peak_rows(scratch, sizes, sequences, files)
    (folder / "expected.tsv").write_text("".join("\t".join(row) + "\n" for row in sorted(rows)))


main()
