"""How many rows of a task have a row of the other label with the same counts of dinucleotides: shuffled negatives have.

    python benches/shuffled_negatives.py GUE/mouse/3 GUE/tf/0 ...

Folders with train.csv and dev.csv (`sequence,label`); test is not read.
"""

import csv
import sys
from collections import Counter, defaultdict
from pathlib import Path

for folder in map(Path, sys.argv[1:]):
    rows = [row for part in ("train", "dev") for row in csv.DictReader(open(folder / f"{part}.csv"))]
    labels = defaultdict(set)
    keys = []
    for row in rows:
        sequence = row["sequence"].upper()
        keys.append(tuple(sorted(Counter(a + b for a, b in zip(sequence, sequence[1:])).items())))
        labels[keys[-1]].add(row["label"])
    shared = sum(len(labels[key]) > 1 for key in keys)
    print(f"{folder}: {shared} of {len(rows)} rows, {100 * shared / len(rows):.1f} %")
