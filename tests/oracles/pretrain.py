"""Loss and gradients of masked-language modelling, by transformers' BertForMaskedLM.

Reads the tiny model of crates/lm/tests/fixtures/bert_mlm (tests/oracles/lm.py) and writes
crates/adapt/tests/fixtures/masked_lm.json. Run from the repository's root.
"""

import json
import pathlib

import torch
from transformers import BertForMaskedLM

ROOT = pathlib.Path(__file__).resolve().parents[2]
model = BertForMaskedLM.from_pretrained(ROOT / "crates/lm/tests/fixtures/bert_mlm").eval()
vocab_size, pad = model.config.vocab_size, model.config.pad_token_id

generator = torch.Generator().manual_seed(5)
lengths = [7, 5, 6]
rows = [torch.randint(1, vocab_size, (n,), generator=generator).tolist() for n in lengths]
# Row and token, [CLS] at token -1: column 0 of the input.
hidden = [(0, 0), (0, 4), (1, 2), (2, 1), (2, 3)]
targets = torch.randint(1, vocab_size, (len(hidden),), generator=generator).tolist()

longest = max(lengths)
ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
mask = torch.tensor([[1] * n + [0] * (longest - n) for n in lengths])
labels = torch.full_like(ids, -100)
for (row, token), target in zip(hidden, targets):
    labels[row, token + 1] = target
loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
loss.backward()

gradients = {}
for name, parameter in model.named_parameters():
    gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
    # The model holds linear weights as [input, output].
    if gradient.dim() == 2 and "embeddings" not in name:
        gradient = gradient.T
    gradients[name.removeprefix("bert.")] = [round(x, 7) for x in gradient.flatten().tolist()]
golden = {"rows": rows, "hidden": hidden, "targets": targets, "loss": loss.item(), "gradients": gradients}
out = ROOT / "crates/adapt/tests/fixtures/masked_lm.json"
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(json.dumps(golden) + "\n")
