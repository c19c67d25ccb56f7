"""Near-duplicates between the splits of a table in the layout of GUE, by the definition and without an index.

    python tests/oracles/leakage.py [FOLDER]      prints what crates/ingest/tests/real_data.rs expects

Two sequences are nearly the same when one stretch of both, on either strand and without gaps, has at least 90 % of its bases the same and takes at
least 80 % of the shorter (and 30 bases). Each row of dev and test is laid over each row of the other split at every
shift that leaves so much; lingo-pipe finds these, and a few more with gaps. FOLDER is gue/tf/4 of LINGO_REAL_DATA by
default. Needs numpy.
"""

import csv
import math
import os
import sys

import numpy as np

COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")


def has_stretch(same, need):
    """Whether a row of this matrix of equal bases has `need` columns in a row, or more, of which 90 % are equal."""
    # Most rows are as alike as any two sequences: a look at the number of differences is enough.
    length = same.shape[1]
    wrong = length - same.sum(axis=1)
    same = same[wrong <= need // 10 + length - need]
    sums = np.concatenate([np.zeros((len(same), 1), int), np.cumsum(np.where(same, 1, -9), axis=1)], axis=1)
    least = np.minimum.accumulate(sums, axis=1)
    return bool((sums[:, need:] >= least[:, : sums.shape[1] - need]).any())


def is_near(sequence, others):
    """`others` is a matrix of as long sequences, one a row."""
    length = len(sequence)
    need = max(math.ceil(0.8 * length), 30)
    for strand in (sequence, sequence[::-1].translate(COMPLEMENT)):
        own = np.frombuffer(strand.encode(), np.uint8)
        for shift in range(-(length - need), length - need + 1):
            a, b = (own[shift:], others[:, : length - shift]) if shift >= 0 else (own[:shift], others[:, -shift:])
            if has_stretch(a == b, need):
                return True
    return False


def main(folder):
    rows = {}
    for split in ("train", "dev", "test"):
        with open(f"{folder}/{split}.csv", newline="") as file:
            rows[split] = [row["sequence"].strip().upper().replace("U", "T") for row in csv.DictReader(file)]
    for of, other in (("dev", "train"), ("test", "train"), ("test", "dev")):
        there = set(rows[other])
        by_length = {}
        for s in there:
            by_length.setdefault(len(s), []).append(np.frombuffer(s.encode(), np.uint8))
        assert len(by_length) == 1 and all(len(s) in by_length for s in rows[of]), "sequences of one length are expected"
        matrix = np.array(next(iter(by_length.values())))
        same = turned = nearly = 0
        for sequence in rows[of]:
            other_strand = sequence[::-1].translate(COMPLEMENT)
            is_same = sequence in there
            is_turned = other_strand != sequence and other_strand in there
            same, turned = same + is_same, turned + is_turned
            if not is_same and not is_turned:
                nearly += is_near(sequence, matrix)
        print(f"{of} in {other}: same {same}, reverse complement {turned}, near {nearly}", flush=True)


main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.environ["LINGO_REAL_DATA"], "gue/tf/4"))
