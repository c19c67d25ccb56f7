"""A signal over windows as pyBigWig reads it.

Usage: python tests/oracles/ingest_tracks.py crates/ingest/tests/fixtures/tracks

Writes signal.bw (stretches, fixed steps and variable steps, several blocks and a sequence without values), signal.bedgraph.gz (the same
values) and expected.tsv with the columns place (chrom:start-end), mean, max, sum over the window; a base without a value counts as 0.
Needs pyBigWig and numpy.
"""

import gzip
import random
import sys
from pathlib import Path

import numpy as np
import pyBigWig

LENGTHS = {"chr1": 60_000, "chr2": 20_000, "chr3": 5_000}


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(11)
    value = lambda: float(np.float32(rng.choice([0.0, rng.uniform(0, 9), rng.uniform(-0.5, 40), 1e4])))
    path = str(folder / "signal.bw")
    made = pyBigWig.open(path, "w")
    made.addHeader(list(LENGTHS.items()))
    at, starts, ends, values = 100, [], [], []
    while at < 40_000:
        length = rng.choice([1, 3, 10, 25])
        starts.append(at)
        ends.append(at + length)
        values.append(value())
        at += length + rng.choice([0, 0, 0, 7])
    made.addEntries(["chr1"] * len(starts), starts, ends=ends, values=values)
    made.addEntries("chr1", 45_000, values=[value() for _ in range(900)], span=10, step=12)
    made.addEntries("chr2", sorted(rng.sample(range(0, 19_000, 8), 1500)), values=[value() for _ in range(1500)], span=5)
    made.close()
    track = pyBigWig.open(path)
    rows = []
    for chrom in LENGTHS:
        for start, end, v in track.intervals(chrom) or []:
            rows.append(f"{chrom}\t{start}\t{end}\t{v!r}\n")
    with open(folder / "signal.bedgraph.gz", "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
        packed.write(("track type=bedGraph\n" + "".join(rows)).encode())
    told = []
    for _ in range(300):
        chrom = rng.choice(["chr1", "chr1", "chr2", "chr3"])
        start = rng.randrange(LENGTHS[chrom] - 700)
        end = start + rng.choice([1, 40, 200, 700])
        signal = np.nan_to_num(np.array(track.values(chrom, start, end), dtype=np.float64))
        told.append(f"{chrom}:{start}-{end}\t{signal.mean()!r}\t{signal.max()!r}\t{signal.sum()!r}\n".replace("np.float64(", "").replace(")", ""))
    (folder / "expected.tsv").write_text("".join(dict.fromkeys(told)))


main()
