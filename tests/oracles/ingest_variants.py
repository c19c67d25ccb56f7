"""Variants as bcftools normalises them.

Usage: python tests/oracles/ingest_variants.py crates/ingest/tests/fixtures/variants

Writes genome.fa (repeats of short units between random bases), variants.vcf (insertions and deletions within the repeats, written in many
ways, single bases, several ALT alleles a record) and normal.tsv with the columns id, position, REF, ALT: what
`bcftools norm -m -any | bcftools norm -f` makes of them. Needs bcftools 1.16 or later and its bgzip-less `norm`.
"""

import random
import subprocess
import sys
from pathlib import Path


def genome(rng):
    bases = []
    while len(bases) < 4000:
        bases += rng.choices("ACGT", k=rng.randrange(4, 30))
        unit = rng.choices("ACGT", k=rng.choice([1, 1, 2, 3, 5]))
        bases += unit * rng.randrange(2, 60)
    return "".join(bases)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    # The first begins within a repeat: what is moved to the left may meet the end of the chromosome.
    sequences = {"chrA": "CA" * 20 + genome(rng), "chrB": genome(rng)}
    fasta = folder / "genome.fa"
    wrapped = lambda s: "\n".join(s[i : i + 60] for i in range(0, len(s), 60))
    fasta.write_text("".join(f">{name}\n{wrapped(s)}\n" for name, s in sequences.items()))
    rows = []
    for number in range(600):
        chrom = rng.choice(["chrA", "chrB"])
        bases = sequences[chrom]
        position = rng.choice([rng.randrange(1, 60), rng.randrange(1, len(bases) - 80)])
        length = rng.choice([1, 1, 2, 3, 6, 12])
        # Some are written with more than they need on either side.
        left, right = rng.choice([0, 0, 1, 7]), rng.choice([0, 0, 1, 9])
        left = min(left, position - 1)
        middle = bases[position : position + length]
        kind = rng.choice(["insert", "insert", "delete", "delete", "replace"])
        if kind == "insert":
            ref, alts = "", {bases[position - k : position] for k in (length, length + 1)[: rng.choice([1, 2])] if position >= k}
        elif kind == "delete":
            ref, alts = middle, {""}
        else:
            ref, alts = middle, {"".join(rng.choices("ACGT", k=length))}
        start = position - 1 - left
        before, after = bases[start:position], bases[position + len(ref) : position + len(ref) + right]
        whole = before + ref + after
        alts = sorted({before + alt + after for alt in alts} - {whole})
        if alts:
            rows.append((chrom, start + 1, f"v{number}", whole, alts))
    rows.sort(key=lambda row: (row[0], row[1]))
    head = "##fileformat=VCFv4.3\n" + "".join(f"##contig=<ID={n},length={len(s)}>\n" for n, s in sequences.items())
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    body = "".join(f"{c}\t{p}\t{i}\t{r}\t{','.join(a)}\t.\tPASS\t.\n" for c, p, i, r, a in rows)
    vcf = folder / "variants.vcf"
    vcf.write_text(head + columns + body)
    split = subprocess.run(["bcftools", "norm", "-m", "-any", vcf], capture_output=True, check=True).stdout
    # The index that bcftools makes must not stay beside the original.
    index = fasta.with_suffix(".fa.fai")
    made = not index.exists()
    normal = subprocess.run(["bcftools", "norm", "-f", fasta], input=split, capture_output=True, check=True).stdout.decode()
    if made:
        index.unlink()
    lines = [line.split("\t") for line in normal.splitlines() if line[0] != "#"]
    told = sorted((f"{c}\t{i}", int(p), r, a) for c, p, i, r, a, *_ in lines)
    (folder / "normal.tsv").write_text("".join(f"{n}\t{p}\t{r}\t{a}\n" for n, p, r, a in told))


main()
