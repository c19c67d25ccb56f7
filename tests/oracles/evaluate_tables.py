"""Golden values for tables of comparisons (crates/evaluate/src/paired): Holm's correction by statsmodels, ranks by SciPy.

python tests/oracles/evaluate_tables.py   # writes crates/evaluate/tests/fixtures/tables.json
"""

import json
from pathlib import Path

import numpy as np
from scipy.stats import rankdata
from statsmodels.stats.multitest import multipletests

OUT = Path(__file__).resolve().parents[2] / "crates/evaluate/tests/fixtures/tables.json"


def holm(p):
    return {"p": list(p), "holm": multipletests(p, method="holm")[1].tolist()}


def ranks(values):
    return {"values": values.tolist(), "ranks": rankdata(-values, axis=1).mean(0).tolist()}


if __name__ == "__main__":
    rng = np.random.default_rng(20261129)
    tables = [[0.01, 0.04, 0.03, 0.5], [0.02, 0.02, 0.02], [0.5, 0.6, 0.0001], [1 / 2**15] * 6]
    tables += [np.round(rng.random(n) ** 3, 4).tolist() for n in (1, 2, 5, 12, 30)]
    values = [np.round(rng.random((n, k)), digits) for n, k, digits in [(1, 2, 3), (2, 3, 1), (9, 4, 1), (26, 8, 3), (5, 5, 0)]]
    golden = {"holm": [holm(p) for p in tables], "ranks": [ranks(v) for v in values]}
    OUT.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
