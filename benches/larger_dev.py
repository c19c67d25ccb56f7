#!/usr/bin/env python3
"""A copy of tasks of GUE with a larger dev: a fifth of train, by the sequences' digests, stands in dev; test is copied.

    python benches/larger_dev.py GUE OUT tf/0 tf/4 mouse/4

A sequence and its other strand stay together. For choosing settings on a few thousand rows where dev has a thousand.
"""

import csv
import hashlib
import sys
from pathlib import Path

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def goes_to_dev(sequence):
    either = min(sequence, sequence.translate(COMPLEMENT)[::-1])
    return int.from_bytes(hashlib.md5(either.encode()).digest()[:4], "little") % 5 == 0


source, out, *tasks = sys.argv[1:]
for task in tasks:
    rows = {split: list(csv.reader(open(Path(source, task, f"{split}.csv")))) for split in ("train", "dev", "test")}
    header, train = rows["train"][0], rows["train"][1:]
    moved = [row for row in train if goes_to_dev(row[0])]
    split = {
        "train": [row for row in train if not goes_to_dev(row[0])],
        "dev": moved + rows["dev"][1:],
        "test": rows["test"][1:],
    }
    Path(out, task).mkdir(parents=True, exist_ok=True)
    for name, content in split.items():
        with open(Path(out, task, f"{name}.csv"), "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *content])
    print(task, {name: len(content) for name, content in split.items()})
