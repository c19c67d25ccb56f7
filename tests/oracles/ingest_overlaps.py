"""Golden values of overlaps between splits and of splits with many labels, from other programs.

    python tests/oracles/ingest_overlaps.py crates/ingest/tests/fixtures/overlaps

Writes train.bed, dev.bed and test.bed (made from a seed), bedtools.json (what `bedtools intersect -wo` says of them, counted),
and labels.json (label lists made from a seed, and how far the package iterative-stratification stays from shares of
0.8, 0.1 and 0.1). Needs bedtools, numpy and iterative-stratification.
"""

import json
import os
import random
import subprocess
import sys
from collections import defaultdict

import numpy as np
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

CHROMOSOMES = ("I", "II", "III")


def intervals(rng):
    """Long and short ones, dense on I and sparse on III, so that each kind of overlap occurs; and touching ones."""
    rows = {"train": [], "dev": [], "test": []}
    for i in range(400):
        split = rng.choices(list(rows), (0.7, 0.15, 0.15))[0]
        chrom = rng.choices(CHROMOSOMES, (0.5, 0.3, 0.2))[0]
        length = rng.choice((20, 60, 60, 200, 200, 900))
        start = rng.randrange(0, (8_000, 14_000, 19_000)[CHROMOSOMES.index(chrom)], 10)
        rows[split].append((chrom, start, start + length, f"r{i}", "ab"[i % 2], rng.choice("+-.")))
    return rows


def overlaps(folder, of, other):
    command = ["bedtools", "intersect", "-wo", "-a", f"{folder}/{of}.bed", "-b", f"{folder}/{other}.bed"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    pairs, bases, inside, rows = {}, defaultdict(set), set(), {}
    for line in lines:
        f = line.split("\t")
        a, b = f[:6], f[6:12]
        start, end = int(a[1]), int(a[2])
        pairs[f"{a[3]} {b[3]}"] = int(f[12])
        rows[a[3]] = end - start
        bases[a[3]].update(range(max(start, int(b[1])), min(end, int(b[2]))))
        if int(f[12]) == end - start:
            inside.add(a[3])
    share = {row: len(bases[row]) / length for row, length in rows.items()}
    counts = {
        "any": len(rows),
        "half": sum(s >= 0.5 for s in share.values()),
        "whole": sum(s == 1 for s in share.values()),
        "inside": len(inside),
    }
    return {"rows": counts, "pairs": dict(sorted(pairs.items()))}


def labels(seed, rows, rates):
    """Lists of 0 and 1 with labels that go together; and the package's mean deviation from the shares."""
    rng = np.random.default_rng(seed)
    common = rng.random(rows) < 0.3
    p = np.clip(np.outer(np.where(common, 2.5, 0.35), rates), 0, 1)
    matrix = (rng.random((rows, len(rates))) < p).astype(int)
    parts = np.empty(rows, dtype=int)
    folds = MultilabelStratifiedKFold(n_splits=10, shuffle=True, random_state=0)
    for fold, (_, test) in enumerate(folds.split(np.zeros(rows), matrix)):
        parts[test] = fold
    split = np.where(parts == 0, 1, np.where(parts == 1, 2, 0))
    off = []
    for label in matrix.T:
        if label.sum():
            got = [label[split == s].sum() / label.sum() for s in range(3)]
            off.append(max(abs(g - w) for g, w in zip(got, (0.8, 0.1, 0.1))))
    return {"rows": ["".join(map(str, row)) for row in matrix], "mean_deviation": round(float(np.mean(off)), 6)}


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for split, rows in intervals(random.Random(5)).items():
        with open(f"{folder}/{split}.bed", "w") as out:
            out.writelines("\t".join(map(str, row)) + "\n" for row in rows)
    pairs = (("dev", "train"), ("test", "train"), ("test", "dev"))
    golden = {f"{of} in {other}": overlaps(folder, of, other) for of, other in pairs}
    with open(f"{folder}/bedtools.json", "w") as out:
        json.dump(golden, out, indent=1)
        out.write("\n")
    golden = {
        "12 labels": labels(1, 1500, np.linspace(0.05, 0.4, 12)),
        "40 labels": labels(2, 1200, np.geomspace(0.004, 0.3, 40)),
    }
    with open(f"{folder}/labels.json", "w") as out:
        json.dump(golden, out, indent=1)
        out.write("\n")


main(sys.argv[1])
