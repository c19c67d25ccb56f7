#!/usr/bin/env python3
"""How many dev and test rows of GUE's own splits stand in train, or nearly so.

    LINGO_PIPE=target/debug/lingo-pipe python benches/gue_leakage.py $GUE
"""
import json, os, subprocess, sys, tempfile

for task in ("tf/0", "tf/4", "mouse/3", "mouse/4", "prom/prom_core_tata", "prom/prom_300_tata"):
    with tempfile.TemporaryDirectory() as work:
        files = [word for split in ("train", "dev", "test") for word in (f"--{split}", f"{sys.argv[1]}/{task}/{split}.csv")]
        command = [os.environ.get("LINGO_PIPE", "lingo-pipe"), "ingest", *files, "--json", "--out", f"{work}/e.parquet"]
        audit = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["audit"]
    rows = {s["split"]: s["rows"] for s in audit["splits"]}
    for s in audit["shared"]:
        print(f"{task}: of {rows[s['split']]} rows of {s['split']}, in {s['found_in']}: same {s['same']}, turned {s['reverse_complement']}, near {s['near']}")
