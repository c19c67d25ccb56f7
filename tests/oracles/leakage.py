"""Near-duplicates between the splits of a table in the layout of GUE, by the definition and without an index.

    python tests/oracles/leakage.py [FOLDER]      prints what crates/ingest/tests/real_data.rs expects

A sketch is the 32 smallest hashes (upper half of splitmix64) of the canonical 15-mers; two sequences are nearly the same when at
least half of the 32 smallest hashes of both together stand in both. FOLDER is gue/tf/4 of LINGO_REAL_DATA by default. Needs numpy.
"""

import csv
import os
import sys
from collections import defaultdict

import numpy as np

K, SKETCH, BOUND = 15, 32, 0.5
COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


def hashes(codes):
    with np.errstate(over="ignore"):
        x = codes + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (x ^ (x >> np.uint64(31))) >> np.uint64(32)


def code(kmer):
    return int(kmer.translate(str.maketrans("ACGT", "0123")), 4)


def sketch(sequence):
    kmers = (sequence[i : i + K] for i in range(len(sequence) - K + 1))
    codes = [min(code(k), code(k[::-1].translate(COMPLEMENT))) for k in kmers if set(k) <= set("ACGT")]
    return sorted(set(hashes(np.array(codes, dtype=np.uint64)).tolist()))[:SKETCH]


def near(a, b):
    union = sorted(set(a) | set(b))[:SKETCH]
    return bool(union) and len(set(a) & set(b) & set(union)) >= BOUND * len(union)


def main(folder):
    rows = {}
    for split in ("train", "dev", "test"):
        with open(f"{folder}/{split}.csv", newline="") as file:
            rows[split] = [row["sequence"].strip().upper().replace("U", "T") for row in csv.DictReader(file)]
    sketches = {split: [sketch(s) for s in sequences] for split, sequences in rows.items()}
    pairs = (("dev", ["train"]), ("test", ["train"]), ("test", ["dev"]))
    # And the other way round: what `on_leak: drop` takes out.
    for of, others in pairs + (("train", ["dev", "test"]), ("dev", ["test"])):
        there = {s for other in others for s in rows[other]}
        sketches_there = [s for other in others for s in sketches[other]]
        holders = defaultdict(set)
        for i, s in enumerate(sketches_there):
            for h in s:
                holders[h].add(i)
        same = turned = nearly = 0
        for sequence, own in zip(rows[of], sketches[of]):
            other_strand = sequence[::-1].translate(COMPLEMENT)
            is_same = sequence in there
            is_turned = other_strand != sequence and other_strand in there
            same, turned = same + is_same, turned + is_turned
            if not is_same and not is_turned:
                candidates = set().union(*(holders[h] for h in own)) if own else set()
                nearly += any(near(own, sketches_there[i]) for i in candidates)
        print(f"{of} in {' or '.join(others)}: same {same}, reverse complement {turned}, near {nearly}")


main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.environ["LINGO_REAL_DATA"], "gue/tf/4"))
