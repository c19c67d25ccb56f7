#!/usr/bin/env python3
"""Reads the folder of a run: its predictions and scores, and with torch, transformers and peft its adapters.

    read_run.py runs/demo                   MCC (or Pearson's r) of every finished cell, computed again by scikit-learn
    read_run.py runs/demo --peft            and each adapter loaded in PEFT, tensor by tensor
    read_run.py runs/demo --peft --model M  on the base model in the folder M, where the run's own path does not hold here

Needs pyarrow, numpy and scikit-learn. A column of a table becomes one of pandas by `table.to_pandas()`, of polars by
`polars.from_arrow(table)`. Exits 1 where a score differs by more than 1e-9, or a tensor at all.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.metrics import matthews_corrcoef


def finished_cells(run):
    """The finished cells that the lock of the run vouches for, in its order: their names and folders."""
    lock = json.loads((run / "lingo.lock").read_text())
    for task in lock["tasks"]:
        for method in lock["methods"]:
            for seed in lock["seeds"]:
                label = f"{task['name']}/{method}/seed-{seed}"
                if label in lock["cells"]:
                    yield label, run / label


def predictions(cell, split):
    """True labels and logits of a split, in the order of the rows: `[rows]` or `[rows, labels]`, and `[rows, outputs]`."""
    table = pq.read_table(cell / "predictions.parquet", columns=["split", "label", "logits"])
    rows = [row for row in table.to_pylist() if row["split"] == split]
    return np.array([row["label"] for row in rows]), np.array([row["logits"] for row in rows], dtype=np.float64)


def score(truth, logits, thresholds):
    """What a task is judged by, and its value; None where it is undefined."""
    if logits.shape[1] == 1 and truth.ndim == 1 and truth.dtype.kind == "f":
        predicted = logits[:, 0]
        defined = len(truth) > 1 and truth.std() > 0 and predicted.std() > 0
        return "pearson", float(np.corrcoef(truth, predicted)[0, 1]) if defined else None
    if truth.ndim == 2:
        half = np.full(truth.shape[1], 0.5)
        positive = 1 / (1 + np.exp(-logits)) > (np.array(list(thresholds.values())) if thresholds else half)
        # Labels that all rows have, or none, tell nothing.
        both = [i for i in range(truth.shape[1]) if 0 < truth[:, i].sum() < len(truth)]
        values = [matthews_corrcoef(truth[:, i], positive[:, i]) for i in both]
        return "mcc", float(np.mean(values)) if values else None
    if thresholds:
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        predicted = (shifted[:, 1] / shifted.sum(axis=1) > next(iter(thresholds.values()))).astype(int)
    else:
        predicted = logits.argmax(axis=1)
    return "mcc", float(matthews_corrcoef(truth, predicted))


def compare(cell, split):
    """A score computed here, and that of metrics.json."""
    metrics = json.loads((cell / "metrics.json").read_text())
    truth, logits = predictions(cell, split)
    if len(truth) == 0:
        return "no rows", None, None
    name, ours = score(truth, logits, metrics.get("thresholds"))
    return name, ours, metrics[split].get(name)


def base_model(run, cell):
    """The folder of the model that an adapter works on: the cell's own, the run's, or that of its pipeline file."""
    for folder in (cell / "model", run / "model"):
        if (folder / "config.json").is_file():
            return folder
    path = json.loads((run / "lingo.lock").read_text())["model"].get("path")
    return Path(path) if path and Path(path).is_dir() else None


def load_adapter(model_folder, adapter):
    """The base model with the adapter, by PEFT, and the names of tensors that are not those of the file."""
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors.torch import load_file
    from transformers import AutoModelForSequenceClassification

    described = json.loads((adapter / "lingo.json").read_text())
    labels = described["labels"]
    outputs = len(next(iter(labels.values()))) if isinstance(labels, dict) else 1
    base = AutoModelForSequenceClassification.from_pretrained(model_folder, num_labels=outputs)
    model = PeftModel.from_pretrained(base, adapter)
    loaded = get_peft_model_state_dict(model)
    file = load_file(adapter / "adapter_model.safetensors")
    differ = [name for name, tensor in file.items() if name not in loaded or not loaded[name].equal(tensor)]
    return model, differ


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--peft", action="store_true")
    parser.add_argument("--model", type=Path)
    arguments = parser.parse_args()
    wrong, cells = 0, list(finished_cells(arguments.run))
    for label, cell in cells:
        for split in ("dev", "test"):
            name, ours, theirs = compare(cell, split)
            same = ours == theirs or None not in (ours, theirs) and abs(ours - theirs) < 1e-9
            wrong += not same
            shown = "-" if ours is None else f"{ours:.6f}"
            print(f"{label}\t{split}\t{name}\t{shown}\t{'as in metrics.json' if same else f'metrics.json: {theirs}'}")
        adapter = cell / "adapter"
        if not arguments.peft:
            continue
        if not (adapter / "adapter_config.json").is_file():
            print(f"{label}\tPEFT has no adapter of this method")
            continue
        folder = arguments.model or base_model(arguments.run, cell)
        if folder is None:
            sys.exit(f"{label}: where is the base model? say --model")
        _, differ = load_adapter(folder, adapter)
        wrong += len(differ)
        print(f"{label}\tPEFT\t{'every tensor loaded' if not differ else f'not loaded: {differ}'}")
    print(f"{len(cells)} finished cells, {wrong} differences")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
