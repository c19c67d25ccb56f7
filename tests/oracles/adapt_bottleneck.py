"""Golden values for the method `bottleneck`: as adapt_training.py, by the library `adapters` in the place of PEFT.

    PYTHONPATH=FOLDER python tests/oracles/adapt_bottleneck.py [--cell CELL --model MODEL_DIR --tokens tokens.parquet]

`adapters` wants an older `transformers`, so both stand in a folder of their own:

    pip install --no-deps --target FOLDER adapters==1.3.0 transformers==4.57.6 huggingface_hub==0.36.0 tokenizers==0.22.1 requests \
        charset_normalizer urllib3 idna certifi

Writes crates/adapt/tests/fixtures/bottleneck.safetensors. With --cell it loads the adapter of a cell that lingo-pipe wrote in
`adapters` instead, and holds its logits against predictions.parquet.
"""
import argparse
import json
import os

import adapters
import numpy as np
import torch
from adapters import DoubleSeqBnConfig, ParBnConfig, SeqBnConfig
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from adapt_training import BARE, MODELS, OFF, run

HERE = os.path.dirname(__file__)
OUT = os.path.join(HERE, "../../crates/adapt/tests/fixtures/bottleneck.safetensors")
CONFIGS = {
    "houlsby": DoubleSeqBnConfig(reduction_factor=4),
    "pfeiffer": SeqBnConfig(reduction_factor=5, non_linearity="gelu"),
    "parallel": ParBnConfig(reduction_factor=2),
}
PARTS = {
    "adapter_down.0.weight": "down", "adapter_down.0.bias": "down_bias", "adapter_up.weight": "up", "adapter_up.bias": "up_bias",
}


def named(model, family):
    """Name in lingo-adapt's store -> value."""
    values = {}
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        p = p.data.T.contiguous() if p.ndim == 2 else p.data
        if ".adapters.lingo." not in name:
            values["head." + name.split(".")[-1]] = p
            continue
        place, part = name.removeprefix(BARE.get(family, "model.")).split(".adapters.lingo.")
        for end, sublayer in [
            (".attention.output", "attention"), (".attention_adapters", "attention"),
            (".output", "feed_forward"), (".output_adapters", "feed_forward"),
        ]:
            if place.endswith(end):
                values[f"{place.removesuffix(end)}.{sublayer}.bottleneck.{PARTS[part]}"] = p
                break
    return values


def case(family, placement, out):
    torch.manual_seed(5)
    model = AutoModelForSequenceClassification.from_pretrained(
        os.path.join(MODELS, family), num_labels=3, attn_implementation="eager", **OFF[family]
    )
    adapters.init(model)
    model.add_adapter("lingo", config=CONFIGS[placement])
    model.train_adapter("lingo")
    for name, p in model.named_parameters():
        # Zeros would be a bad test.
        if ".adapters.lingo." in name:
            p.data.normal_(std=0.2)
    pad = 0 if family == "bert" else 1
    lengths = torch.tensor([9, 4, 7, 9])
    run(model, f"{family}.{placement}", out, lambda model: named(model, family), pad, lengths, lambda step: None, True)


def logits_of(cell, model, tokens):
    import pyarrow.parquet as pq
    adapter = os.path.join(cell, "adapter")
    lingo = json.load(open(os.path.join(adapter, "lingo.json")))
    names = next(iter(lingo["labels"].values()))
    model = AutoModelForSequenceClassification.from_pretrained(model, num_labels=len(names))
    adapters.init(model)
    model.load_adapter(adapter, use_safetensors=True, set_active=True)
    # Without head_config.json, where transformers has no such classifier, the head is not loaded.
    own = model.state_dict()
    for name, value in load_file(os.path.join(adapter, "model_head.safetensors")).items():
        assert torch.equal(own[name], value), name
    model.eval()
    t = pq.read_table(tokens).to_pydict()
    ids = dict(zip(zip(t["split"], t["id"]), t["input_ids"]))
    found = pq.read_table(os.path.join(cell, "predictions.parquet")).to_pydict()
    worst = 0.0
    for split, key, expected in zip(found["split"], found["id"], found["logits"]):
        x = torch.tensor([ids[(split, key)]])
        with torch.no_grad():
            logits = model(input_ids=x, attention_mask=torch.ones_like(x)).logits[0].numpy()
        worst = max(worst, float(np.abs(logits - np.array(expected)).max()))
    print(json.dumps({"cell": cell, "rows": len(found["id"]), "largest_difference": worst}))
    assert worst < 1e-4, worst


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--cell")
    p.add_argument("--model")
    p.add_argument("--tokens")
    a = p.parse_args()
    if a.cell:
        return logits_of(a.cell, a.model, a.tokens)
    out = {}
    for family in ("bert", "gpt2", "llama"):
        for placement in CONFIGS:
            case(family, placement, out)
    save_file(out, OUT)
    os.chmod(OUT, 0o644)


if __name__ == "__main__":
    main()
