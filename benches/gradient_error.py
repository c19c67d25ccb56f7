#!/usr/bin/env python3
"""What bf16 does to the gradients of trained adapters: lingo-pipe's kernels beside PyTorch's autocast.

The same trained adapter, batches and loss on both sides, no dropout. For each side, the gradients in bf16 are
compared with the same side's in f32: relative error of all adapter tensors together, what is left of it in the
mean over the batches (a bias, where errors of batches do not cancel), and the share of the f32 gradient's length
that is kept along it.

    cargo build -p lingo-pipe -p lingo-lm --example gradient_error
    python benches/gradient_error.py --model MINILM --task runs/schemes/k3_reuse --adapter runs/schemes/k3_reuse/lora/seed-1/adapter \
        --example target/debug/examples/gradient_error
"""
import argparse, os, random, subprocess, tempfile

import numpy as np
import pyarrow.parquet as parquet
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import BertForSequenceClassification

PREFIX = "base_model.model.bert."


def batches(path, number, size, seed):
    rows = parquet.read_table(path, columns=["split", "label", "input_ids"]).to_pylist()
    rows = [row for row in rows if row["split"] == "train"]
    random.Random(seed).shuffle(rows)
    for i in range(number):
        part = rows[i * size : (i + 1) * size]
        longest = max(len(row["input_ids"]) for row in part)
        ids = torch.zeros(size, longest, dtype=torch.int32)
        for j, row in enumerate(part):
            ids[j, : len(row["input_ids"])] = torch.tensor(row["input_ids"], dtype=torch.int32)
        lengths = torch.tensor([len(row["input_ids"]) for row in part], dtype=torch.int32)
        yield ids, lengths, torch.tensor([int(row["label"]) for row in part], dtype=torch.int32)


def peer(model_folder, adapter, cases):
    base = BertForSequenceClassification.from_pretrained(model_folder, num_labels=2)
    model = PeftModel.from_pretrained(base, adapter, is_trainable=True).eval()
    found = {}
    for precision in ("f32", "bf16"):
        for number, (ids, lengths, labels) in enumerate(cases):
            model.zero_grad()
            mask = (torch.arange(ids.shape[1])[None] < lengths[:, None]).long()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                logits = model(input_ids=ids.long(), attention_mask=mask).logits
            loss = torch.nn.functional.cross_entropy(logits.float(), labels.long())
            loss.backward()
            found[f"{precision}.{number}.loss"] = loss.detach().reshape(1)
            for name, parameter in model.named_parameters():
                if "lora_" in name and parameter.grad is not None:
                    key = name.removeprefix(PREFIX).replace(".default.weight", "")
                    found[f"{precision}.{number}.{key}"] = parameter.grad.detach().clone()
    return found


def gather(found, number):
    """Each batch's gradients in f32 and bf16 as one vector, tensor by tensor in the order of names."""
    result = {}
    for precision in ("f32", "bf16"):
        rows = []
        for batch in range(number):
            prefix = f"{precision}.{batch}."
            names = sorted(name for name in found if name.startswith(prefix) and not name.endswith(".loss"))
            rows.append(np.concatenate([found[name].numpy().ravel() for name in names]))
        result[precision] = np.stack(rows).astype(np.float64)
    return result["f32"], result["bf16"]


def line(name, f32, bf16):
    error = np.linalg.norm(bf16 - f32, axis=1) / np.linalg.norm(f32, axis=1)
    mean = np.linalg.norm((bf16 - f32).mean(0)) / np.linalg.norm(f32.mean(0))
    kept = ((bf16 * f32).sum(1) / (f32 * f32).sum(1)).mean()
    print(f"{name:28} error {np.median(error):.4f} (most {error.max():.4f})  of the mean {mean:.4f}  kept {kept:.4f}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True)
    p.add_argument("--task", required=True, help="a folder of a run that holds tokens.parquet")
    p.add_argument("--adapter", required=True)
    p.add_argument("--example", default="target/debug/examples/gradient_error")
    p.add_argument("--batches", type=int, default=16)
    p.add_argument("--size", type=int, default=32)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(1)

    cases = list(batches(os.path.join(a.task, "tokens.parquet"), a.batches, a.size, a.seed))
    trained = load_file(os.path.join(a.adapter, "adapter_model.safetensors"))
    scale = 2.0  # lora_alpha 16 over rank 8, as all of benches/ has it
    tensors = {}
    for name, tensor in trained.items():
        key = name.removeprefix(PREFIX)
        if key.endswith("lora_A.weight"):
            tensors[key.replace("lora_A.weight", "down")] = tensor.T.contiguous()
        elif key.endswith("lora_B.weight"):
            tensors[key.replace("lora_B.weight", "up")] = (tensor.T * scale).contiguous()
    tensors["head.weight"] = trained["base_model.model.classifier.weight"].T.contiguous()
    tensors["head.bias"] = trained["base_model.model.classifier.bias"][None].contiguous()
    for number, (ids, lengths, labels) in enumerate(cases):
        tensors |= {f"ids.{number}": ids, f"lengths.{number}": lengths, f"labels.{number}": labels}
    with tempfile.TemporaryDirectory() as folder:
        case, out = os.path.join(folder, "case"), os.path.join(folder, "out")
        save_file(tensors, case)
        subprocess.run([a.example, a.model, case, out], check=True)
        ours = load_file(out)
    theirs = peer(a.model, a.adapter, cases)

    losses = [[side[f"{p}.{i}.loss"].item() for i in range(len(cases))] for side in (ours, theirs) for p in ("f32", "bf16")]
    print("mean loss: ours f32 %.5f, bf16 %.5f; peer f32 %.5f, bf16 %.5f" % tuple(np.mean(l) for l in losses))
    for part in ("", "down", "up"):
        for name, side, ends in (("ours", ours, ("down", "up")), ("autocast", theirs, ("lora_A", "lora_B"))):
            chosen = {"": ends, "down": ends[:1], "up": ends[1:]}[part]
            found = {k: v for k, v in side.items() if k.endswith(chosen)}
            line(f"{name} {part}", *gather(found, len(cases)))
    print()
    layers = sorted({name.split(".layer.")[1].split(".")[0] for name in ours if ".layer." in name}, key=int)
    for layer in layers:
        for name, side in (("ours", ours), ("autocast", theirs)):
            found = {k: v for k, v in side.items() if f".layer.{layer}." in k}
            line(f"{name} layer {layer}", *gather(found, len(cases)))
    for site in ("query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"):
        for name, side in (("ours", ours), ("autocast", theirs)):
            hit = lambda k: f".{site}." in k and (site != "output.dense" or "attention" not in k)
            line(f"{name} {site}", *gather({k: v for k, v in side.items() if hit(k)}, len(cases)))


main()
