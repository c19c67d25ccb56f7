"""Pairs of cells of the same task and seed, one method against another: means, t intervals, sign flips.

    python benches/paired.py METHOD OTHER RUN [RUN ...]

Reads metrics.json of the cells in the folders of runs (several, where seeds were run in several). For each task the MCC of test
and dev, mean and standard deviation over the seeds, and the mean difference with its 95 % interval (Student's t over the seeds)
and the p of all sign flips; at the end the same over the tasks' mean differences. Needs numpy and scipy.
"""

import itertools
import json
import pathlib
import sys

import numpy as np
from scipy import stats


def cells(runs, method):
    """{task: {seed: metrics}}"""
    found = {}
    for run in runs:
        for path in sorted(pathlib.Path(run).glob(f"*/{method}/seed-*/metrics.json")):
            seed = int(path.parent.name.removeprefix("seed-"))
            found.setdefault(path.parents[2].name, {})[seed] = json.loads(path.read_text())
    return found


def told(differences):
    d = np.array(differences)
    if len(d) < 2:
        return f"{d.mean():+.4f} (one pair)"
    half = stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / len(d) ** 0.5
    flips = np.array(list(itertools.product([1, -1], repeat=len(d))))
    p = np.mean(abs(flips @ d) >= abs(d.sum()) - 1e-12)
    return f"{d.mean():+.4f} ({d.mean() - half:+.4f} to {d.mean() + half:+.4f}), {len(d)} pairs, p {p:.3f}"


method, other, *runs = sys.argv[1:]
ours, theirs = cells(runs, method), cells(runs, other)
of_tasks = []
for task in sorted(set(ours) & set(theirs)):
    for name, of in ((method, ours[task]), (other, theirs[task])):
        values = {split: [of[seed][split]["mcc"] for seed in sorted(of)] for split in ("test", "dev")}
        spread = np.std(values["test"], ddof=1) if len(of) > 1 else float("nan")
        brier = np.mean([m["dev"]["brier"] for m in of.values()])
        print(f"{task} {name}: test {np.mean(values['test']):.4f} ± {spread:.4f}, dev {np.mean(values['dev']):.4f}, "
              f"dev Brier {brier:.4f}, seeds {sorted(of)}")
    pairs = [ours[task][s]["test"]["mcc"] - theirs[task][s]["test"]["mcc"] for s in sorted(set(ours[task]) & set(theirs[task]))]
    if pairs:
        print(f"{task} {method} - {other}: {told(pairs)}")
        of_tasks.append(np.mean(pairs))
if len(of_tasks) > 1:
    print(f"over {len(of_tasks)} tasks {method} - {other}: {told(of_tasks)}")
