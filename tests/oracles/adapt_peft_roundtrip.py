"""Loads an adapter that lingo-pipe wrote in PEFT, and holds its logits against predictions.parquet.

    python tests/oracles/adapt_peft_roundtrip.py --cell runs/P/TASK/METHOD/seed-1 --model MODEL_DIR \
        --tokens runs/P/TASK/tokens.parquet [--rows 64]

With --merged FOLDER in place of --model, it is what `model merge` wrote of the adapter, without PEFT.

The cell's `model/` takes the place of --model where there is one (new embedding rows, `full`).
Heads that transformers lacks (cls, mean, and last on BERT; any with a hidden layer; all of one layer on RoBERTa, DistilBERT, ESM and ModernBERT)
are the few lines of `OtherHead`.
"""
import argparse
import json
import os

import numpy as np
import pyarrow.parquet as pq
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForSequenceClassification


# Where the bare model stands in transformers' classifier, of families whose classifier reads the last token.
DECODERS = {
    "gpt2": "transformer", "gpt_neox": "gpt_neox", "llama": "model", "mistral": "model", "opt": "model", "qwen2": "model",
    "qwen3": "model",
}

# The same, of others, where it is not called by the family's name.
PLACES = {"modernbert": "model"}


class OtherHead(torch.nn.Module):
    """A bare model, a pooling and one linear layer or two, under the names of transformers' classifiers."""

    def __init__(self, bare, pooling, outputs, places, hidden):
        super().__init__()
        self.config, self.pooling, self.places = bare.config, pooling, places
        # transformers asks for it where the bare model is one whose old names it knows.
        self.base_model_prefix = places[0]
        setattr(self, places[0], bare)
        width = getattr(bare.config, "word_embed_proj_dim", bare.config.hidden_size)
        head = torch.nn.Linear(width, outputs)
        if hidden:
            head = torch.nn.Sequential(torch.nn.Linear(width, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, outputs))
        setattr(self, places[1], head)

    def forward(self, input_ids, attention_mask):
        found = getattr(self, self.places[0])(input_ids=input_ids, attention_mask=attention_mask)
        states = found.last_hidden_state
        if self.pooling == "pooler":
            pooled = found.pooler_output
        elif self.pooling == "cls":
            pooled = states[:, 0]
        elif self.pooling == "mean":
            m = attention_mask[..., None].to(states.dtype)
            pooled = (states * m).sum(1) / m.sum(1)
        else:
            pooled = states[torch.arange(len(states)), attention_mask.sum(1) - 1]
        return argparse.Namespace(logits=getattr(self, self.places[1])(pooled))


def load(adapter, model):
    lingo = json.load(open(os.path.join(adapter, "lingo.json")))
    outputs = len(next(iter(lingo["labels"].values()))) if isinstance(lingo["labels"], dict) else 1
    family = lingo["base_model"]["family"]
    places = (DECODERS[family], "score") if family in DECODERS else (PLACES.get(family, family), "classifier")
    weights = load_file(os.path.join(adapter, "adapter_model.safetensors"))
    first = weights.get(f"base_model.model.{places[1]}.0.weight")
    hidden = None if first is None else first.shape[0]
    known = hidden is None and lingo["pooling"] == ("last" if family in DECODERS else {"bert": "pooler"}.get(family))
    if known:
        base = AutoModelForSequenceClassification.from_pretrained(model, num_labels=outputs)
    else:
        base = OtherHead(AutoModel.from_pretrained(model), lingo["pooling"], outputs, places, hidden)
    if os.path.exists(os.path.join(adapter, "adapter_config.json")):
        return PeftModel.from_pretrained(base, adapter).eval(), lingo
    # head and full: there is no delta, only the classifier.
    weights = {k.removeprefix("base_model.model."): v for k, v in weights.items()}
    missing = base.load_state_dict(weights, strict=False)
    assert not missing.unexpected_keys, missing.unexpected_keys
    return base.eval(), lingo


def load_merged(folder):
    lingo = json.load(open(os.path.join(folder, "lingo.json")))
    file = os.path.join(folder, "head.safetensors")
    if not os.path.exists(file):
        model, told = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
        assert not told["missing_keys"] and not told["unexpected_keys"], told
        return model.eval(), lingo
    head = load_file(file)
    hidden = head["0.weight"].shape[0] if "0.weight" in head else None
    outputs = head["2.weight" if hidden else "weight"].shape[0]
    model = OtherHead(AutoModel.from_pretrained(folder), lingo["pooling"], outputs, ("bare", "head"), hidden)
    model.head.load_state_dict(head)
    return model.eval(), lingo


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--cell", required=True)
    p.add_argument("--model")
    p.add_argument("--merged")
    p.add_argument("--tokens", help="tokens.parquet; without it, rows of ids in JSON from --ids")
    p.add_argument("--ids", help="JSON: id of the row -> input_ids")
    p.add_argument("--rows", type=int, default=64)
    a = p.parse_args()
    own = os.path.join(a.cell, "model")
    if a.merged:
        model, lingo = load_merged(a.merged)
    else:
        model, lingo = load(os.path.join(a.cell, "adapter"), own if os.path.isdir(own) else a.model)
    if a.tokens:
        t = pq.read_table(a.tokens).to_pydict()
        # Names need not be unique, but within a split.
        ids = dict(zip(zip(t["split"], t["id"]), t["input_ids"]))
    else:
        ids = json.load(open(a.ids))
    found = pq.read_table(os.path.join(a.cell, "predictions.parquet")).to_pydict()
    step = max(1, len(found["id"]) // a.rows)
    worst = 0.0
    for split, key, expected in list(zip(found["split"], found["id"], found["logits"]))[::step]:
        x = torch.tensor([ids[(split, key)] if a.tokens else ids[key]])
        with torch.no_grad():
            logits = model(input_ids=x, attention_mask=torch.ones_like(x)).logits[0].numpy()
        if targets := lingo.get("targets"):
            logits = targets["mean"] + targets["deviation"] * logits
        worst = max(worst, float(np.abs(logits - np.array(expected)).max()))
    print(json.dumps({"cell": a.cell, "rows": len(found["id"]) // step, "largest_difference": worst}))
    assert worst < 1e-4, worst


if __name__ == "__main__":
    main()
