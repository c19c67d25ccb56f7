#!/usr/bin/env python3
"""The cells of run folders as a Markdown table: test MCC by seed, trained share, seconds.

    python benches/table.py runs/gue runs/yeast

Reads each run's metrics.csv, so that the table is what the report says. Python's standard library is enough.
"""
import csv, os, statistics as st, sys

print("| run | task | method | test MCC | seeds | trained | seconds a cell |")
print("|---|---|---|---|---|---|---|")
for run in sys.argv[1:]:
    with open(os.path.join(run, "metrics.csv"), newline="") as f:
        rows = [r for r in csv.DictReader(f) if r["split"] == "test"]
    cells = {}
    for r in rows:
        cells.setdefault((r["task"], r["method"]), []).append(r)
    for (task, method), seeds in cells.items():
        mcc = [float(r["mcc"]) for r in seeds]
        spread = f" ± {st.stdev(mcc):.3f}" if len(mcc) > 1 else ""
        share = 100 * float(seeds[0]["trainable_share"])
        seconds = st.mean(float(r["seconds"]) for r in seeds)
        print(f"| {os.path.basename(run.rstrip('/'))} | {task} | {method} | {st.mean(mcc):.3f}{spread} | {len(mcc)} | {share:.2f} % | {seconds:.0f} |")
