"""Holds a bigWig that `predict` wrote against the bedGraph of the same prediction, as pyBigWig reads both.

    python tests/oracles/predict_bigwig.py p.bw p.bedgraph g.fa

Compared are the names and lengths of the sequences, every stretch bit by bit, the totals of the header, and what the
zoom levels say of windows of several sizes (means, largest, smallest, covered share) against the same of all values.
"""

import sys

import numpy as np
import pyBigWig

bigwig, bedgraph, fasta = sys.argv[1:]

lengths = {}
for line in open(fasta):
    line = line.strip()
    if line.startswith(">"):
        name = line[1:].split()[0]
        lengths[name] = 0
    else:
        lengths[name] += len(line)

stretches = {}
for line in open(bedgraph):
    name, start, end, value = line.split()
    stretches.setdefault(name, []).append((int(start), int(end), np.float32(value)))

bw = pyBigWig.open(bigwig)
assert bw.isBigWig()
assert dict(bw.chroms()) == lengths, (bw.chroms(), lengths)
compared, zoomed = 0, 0
total = np.zeros(3)
smallest, largest = np.inf, -np.inf
for name, length in lengths.items():
    found = bw.intervals(name) or ()
    expected = stretches.get(name, [])
    assert len(found) == len(expected), (name, len(found), len(expected))
    for (start, end, value), (start_, end_, value_) in zip(found, expected):
        assert (start, end, np.float32(value)) == (start_, end_, value_), name
    compared += len(found)
    values = np.full(length, np.nan)
    for start, end, value in expected:
        values[start:end] = value
    covered = values[~np.isnan(values)]
    if not len(covered):
        continue
    total += [len(covered), covered.sum(), (covered**2).sum()]
    smallest, largest = min(smallest, covered.min()), max(largest, covered.max())
    for bins in (1, 3, 10, 100):
        if length // bins < 1:
            continue
        edges = [length * i // bins for i in range(bins + 1)]
        parts = [values[a:b] for a, b in zip(edges, edges[1:])]
        with np.errstate(all="ignore"):
            for kind, of in (
                ("mean", lambda v: np.nanmean(v)),
                ("max", lambda v: np.nanmax(v)),
                ("min", lambda v: np.nanmin(v)),
                ("coverage", lambda v: np.mean(~np.isnan(v))),
            ):
                exact = bw.stats(name, 0, length, nBins=bins, type=kind, exact=True)
                zoom = bw.stats(name, 0, length, nBins=bins, type=kind)
                for part, a, b in zip(parts, exact, zoom):
                    if np.all(np.isnan(part)):
                        continue
                    assert abs(a - of(part)) < 1e-4, (name, bins, kind, a, of(part))
                    # A summary may reach over the border of a bin: the whole sequence has no border but its ends.
                    if bins == 1:
                        assert abs(b - of(part)) < 1e-3, (name, bins, kind, b, of(part))
                        zoomed += 1
                if kind == "mean" and bins > 1:
                    off = np.array([abs(b - of(p)) for p, b in zip(parts, zoom) if b is not None and not np.all(np.isnan(p))])
                    assert np.median(off) < 0.05 * max(1e-6, covered.max() - covered.min()), (name, bins, off)
header = bw.header()
print(header)
assert header["version"] == 4 and header["nLevels"] >= 1
assert header["nBasesCovered"] == total[0]
# pyBigWig shows whole numbers only.
assert abs(header["sumData"] - total[1]) <= 1 + 1e-6 * abs(total[1])
assert abs(header["sumSquared"] - total[2]) <= 1 + 1e-6 * total[2]
print(f"{compared} stretches of {len(lengths)} sequences are the same, {zoomed} summaries agree; values {smallest} to {largest}")
