#!/usr/bin/env python3
"""Holds docs/load_stem.py against the logits that lingo-pipe wrote for a cell of networks of motifs.

    adapt_stem.py --cell CELL --examples examples.parquet
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from load_stem import Stem  # noqa: E402

arguments = argparse.ArgumentParser()
arguments.add_argument("--cell", type=Path, required=True)
arguments.add_argument("--examples", type=Path, required=True)
arguments = arguments.parse_args()

columns = parquet.read_table(arguments.examples, columns=["id", "sequence"]).to_pydict()
sequences = dict(zip(columns["id"], columns["sequence"]))
found = parquet.read_table(arguments.cell / "predictions.parquet").to_pydict()
stem = Stem(arguments.cell / "adapter")
worst = max(
    np.abs(stem.logits(sequences[id]) - np.array(logits)).max()
    for id, logits in zip(found["id"], found["logits"])
)
print(f"{arguments.cell}: {len(found['id'])} rows, logits differ by at most {worst:.1e}")
if not worst < 1e-5:
    sys.exit("the loader computes other logits")
