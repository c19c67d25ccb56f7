"""What other tools read from the odd files of real test suites: Biopython for FASTA, bedtools for BED.

Usage: python tests/oracles/ingest_badinput.py DATA/badinput > crates/ingest/tests/fixtures/badinput_reference.tsv

One line for each file of MANIFEST.tsv: path, reader (fasta, bed, or - for neither), items (sequences or rows), bases (or covered bases),
sha256 of what was read; `-` where the reference refuses the file or is not asked.
FASTA: lines `name TAB sequence`, upper case, U as T. BED: sorted lines `chromosome TAB start TAB end`.
Needs biopython (requirements.txt) and bedtools 2.30 or later.
"""

import csv
import gzip
import hashlib
import io
import subprocess
import sys
from pathlib import Path

from Bio.SeqIO.FastaIO import SimpleFastaParser


def text_of(path):
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return data.decode("utf-8")


def fasta(path):
    lines = []
    bases = 0
    for title, sequence in SimpleFastaParser(io.StringIO(text_of(path), newline=None)):
        sequence = sequence.upper().replace("U", "T")
        bases += len(sequence)
        lines.append(f"{title.split(None, 1)[0]}\t{sequence}\n")
    return lines, bases


def bed(path):
    run = subprocess.run(["bedtools", "sort", "-i", str(path)], capture_output=True, check=True, timeout=60)
    lines = []
    bases = 0
    for line in run.stdout.decode("utf-8").splitlines():
        chrom, start, end = line.split("\t")[:3]
        bases += int(end) - int(start)
        lines.append(f"{chrom}\t{int(start)}\t{int(end)}\n")
    return sorted(lines), bases


def main():
    root = Path(sys.argv[1])
    with open(root / "MANIFEST.tsv", newline="") as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t"))
    for row in rows:
        looks_like_fasta = (root / row["path"]).read_bytes()[:1] == b">"
        reader = {"fasta": "fasta", "bed": "bed"}.get(row["kind"], "fasta" if looks_like_fasta else "-")
        result = ["-", "-", "-"]
        if reader != "-":
            try:
                lines, bases = (fasta if reader == "fasta" else bed)(root / row["path"])
                if lines:
                    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
                    result = [str(len(lines)), str(bases), digest]
            except Exception as error:
                print(row["path"], str(error)[:200], file=sys.stderr)
        print("\t".join([row["path"], reader, *result]))


main()
