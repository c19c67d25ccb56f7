"""Windows around summits and beyond chromosome ends, cut from chromosomes with N written around them.

Usage: python tests/oracles/ingest_windows.py crates/ingest/tests/fixtures/sources

Reads genome.fa and variants.vcf there (`ingest_sources.py` makes them); writes peaks.narrowPeak and windows.tsv with the columns case, id,
sequence, second sequence; rows in the order of the file. Needs biopython.
"""

import random
import sys
from pathlib import Path

from Bio import SeqIO

WIDTH, FAR = 64, 200


def main():
    folder = Path(sys.argv[1])
    rng = random.Random(3)
    genome = {r.id: r.seq.upper() for r in SeqIO.parse(folder / "genome.fa", "fasta")}
    peaks, rows = [], []
    for number in range(80):
        chrom = rng.choice(sorted(genome))
        length = len(genome[chrom])
        start = rng.choice([rng.randrange(0, 40), length - rng.randrange(60, 90), rng.randrange(length - 100)])
        end = min(length, start + rng.randrange(20, 300))
        summit = rng.choice([-1, rng.randrange(end - start)])
        strand = rng.choice("+-.")
        name = f"p{number}"
        peaks.append(f"{chrom}\t{start}\t{end}\t{name}\t0\t{strand}\t5.5\t-1\t-1\t{summit}\n")
        twice = start + end if summit < 0 else 2 * (start + summit) + 1
        first = (twice - WIDTH) // 2
        padded = "N" * FAR + genome[chrom] + "N" * FAR
        window = padded[FAR + first : FAR + first + WIDTH]
        if strand == "-":
            window = window.reverse_complement()
        rows.append(("summit pad", name, str(window), ""))
        if first >= 0 and first + WIDTH <= length:
            rows.append(("summit", name, str(window), ""))
    left = (WIDTH - 1) // 2
    for line in (folder / "variants.vcf").read_text().splitlines():
        if line[0] == "#":
            continue
        chrom, position, name, ref, alts = line.split("\t")[:5]
        start = int(position) - 1
        for alt in alts.split(","):
            if max(len(ref), len(alt)) <= WIDTH - left:
                edited = genome[chrom][:start] + alt + genome[chrom][start + len(ref) :]
                cut = lambda s: str(("N" * FAR + s + "N" * FAR)[FAR + start - left : FAR + start - left + WIDTH])
                rows.append(("variant pad", name, cut(genome[chrom]), cut(edited)))
    (folder / "peaks.narrowPeak").write_text("".join(peaks))
    (folder / "windows.tsv").write_text("".join("\t".join(row) + "\n" for row in sorted(rows)))


main()
