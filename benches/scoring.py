"""Metrics of two classes beside scikit-learn's, in turns in one run: medians, and how far the values are apart.

python benches/scoring.py --ours target/debug/examples/scoring --rows 10000000 --rounds 5
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn import metrics as m

parser = argparse.ArgumentParser()
parser.add_argument("--ours", required=True)
parser.add_argument("--rows", type=int, default=10_000_000)
parser.add_argument("--rounds", type=int, default=5)
arguments = parser.parse_args()

rng = np.random.default_rng(1)
y = (rng.random(arguments.rows) < 0.3).astype(np.uint8)
# As a model's probabilities are: the sigmoid of float32 logits, some of them equal.
logits = (rng.normal(size=arguments.rows) + 1.5 * y - 0.9).astype(np.float32)
p = 1 / (1 + np.exp(-logits.astype(np.float64)))
said = (p > 0.5).astype(np.uint8)
THEIRS = {
    "mcc": lambda: [m.matthews_corrcoef(y, said)],
    "f1_macro": lambda: [m.f1_score(y, said, average="macro")],
    "brier": lambda: [m.brier_score_loss(y, p)],
    "auroc+auprc": lambda: [m.roc_auc_score(y, p), m.average_precision_score(y, p)],
}

with tempfile.TemporaryDirectory() as folder:
    scores, truth = Path(folder, "scores"), Path(folder, "truth")
    p.tofile(scores)
    y.tofile(truth)
    ours = subprocess.Popen([arguments.ours, "metrics", scores, truth, "0.5"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    seconds = {name: ([], []) for name in THEIRS}
    apart = dict.fromkeys(THEIRS, 0.0)
    for _ in range(arguments.rounds):
        print("again", file=ours.stdin, flush=True)
        found = json.loads(ours.stdout.readline())
        for name, theirs in THEIRS.items():
            started = time.perf_counter()
            values = theirs()
            seconds[name][0].append(found[name]["seconds"])
            seconds[name][1].append(time.perf_counter() - started)
            apart[name] = max(apart[name], *(abs(a - b) for a, b in zip(found[name]["values"], values)))
    ours.stdin.close()
    ours.wait()

print(f"{arguments.rows} rows, {arguments.rounds} rounds, medians in seconds")
for name, both in seconds.items():
    a, b = map(statistics.median, both)
    print(f"{name:12} ours {a:.4f}  scikit-learn {b:.4f}  ratio {b / a:.1f}  largest difference {apart[name]:.1e}")
