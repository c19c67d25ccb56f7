#!/usr/bin/env python3
"""Two cells of one task, row by row: the mean difference of the Brier score on dev, and its standard error over the rows.

    python benches/brier_difference.py CELL OTHER        for example OUT/tf_4/stem/seed-1

Of two classes. Reads predictions.parquet of both; rows that one of them lacks are left out. Needs numpy and pyarrow.
"""

import sys

import numpy as np
import pyarrow.parquet as parquet


def errors(cell):
    rows = parquet.read_table(f"{cell}/predictions.parquet").to_pylist()
    dev = [row for row in rows if row["split"] == "dev"]
    of = lambda row: 1 / (1 + np.exp(row["logits"][0] - row["logits"][1])) - int(row["label"])
    return {row["id"]: of(row) ** 2 for row in dev}


one, other = map(errors, sys.argv[1:3])
both = np.array([one[id] - other[id] for id in one if id in other])
print(f"{len(both)} rows: {both.mean():+.5f} +- {both.std(ddof=1) / len(both) ** 0.5:.5f}")
