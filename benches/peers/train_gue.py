#!/usr/bin/env python3
"""The peer of `lingo-pipe adapt`: PyTorch + PEFT on one GUE task, the same settings, seed by seed.

Prints one JSON line per optimizer step ({"step", "epoch", "loss", "learning_rate"}), one per epoch
({"epoch", "dev_mcc", "test_mcc", "dev_loss"}) and one at the end ({"done", ...}).

    python benches/peers/train_gue.py --data GUE/prom/prom_core_tata --model MINILM_DIR \
        --scheme kmer:3:3 --seed 1 --epochs 8

What is equal to lingo-pipe's `adapt`: BertForSequenceClassification (frozen pooler, linear head),
LoRA on the six linear layers of each block, dropout of the base from its config.json, AdamW with
weight decay on every trained tensor, linear warm-up then linear decay to zero, clipping at 1.0.
DNA tokens take existing rows: `a c g t n` for one base a token; rows 2000.. in lexicographic order
for k-mers.
"""
import argparse, csv, itertools, json, os, random, sys, time

import numpy as np
import torch
from peft import AdaLoraConfig, LoraConfig, get_peft_model
from sklearn.metrics import matthews_corrcoef
from transformers import AutoTokenizer, BertForSequenceClassification, get_linear_schedule_with_warmup

TARGETS = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]


def read(path):
    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    return [r["sequence"].upper() for r in rows], np.array([int(r["label"]) for r in rows])


def encoder(scheme, tokenizer):
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    rows = {b: tokenizer.convert_tokens_to_ids(b.lower()) for b in "ACGTN"}
    if scheme == "base":
        return lambda s: [cls] + [rows.get(b, rows["N"]) for b in s] + [sep]
    _, k, stride = scheme.split(":")
    k, stride = int(k), int(stride)
    kmers = {"".join(p): 2000 + i for i, p in enumerate(itertools.product("ACGT", repeat=k))}

    def encode(s):
        ids, i = [cls], 0
        if stride == 1:
            ids += [kmers.get(s[j : j + k], rows["N"]) for j in range(len(s) - k + 1)]
            return ids + [sep]
        while i < len(s):
            if s[i : i + k] in kmers:
                ids.append(kmers[s[i : i + k]])
                i += k
            else:  # tails and what surrounds an N fall back to single bases, as NT's tokenizer does
                ids.append(rows.get(s[i], rows["N"]))
                i += 1
        return ids + [sep]

    return encode


def batches(ids, labels, order, size, pad):
    for i in range(0, len(order), size):
        pick = order[i : i + size]
        width = max(len(ids[j]) for j in pick)
        x = torch.full((len(pick), width), pad)
        m = torch.zeros((len(pick), width), dtype=torch.long)
        for r, j in enumerate(pick):
            x[r, : len(ids[j])] = torch.tensor(ids[j])
            m[r, : len(ids[j])] = 1
        yield x, m, torch.tensor(labels[pick])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--scheme", default="base")
    p.add_argument("--method", default="lora", choices=["lora", "adalora"])
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--epochs", type=int, default=8)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--rank", type=int, default=8)
    p.add_argument("--alpha", type=float, default=16)
    p.add_argument("--warmup", type=int, default=50)
    p.add_argument("--bf16", action="store_true")
    p.add_argument("--no-dropout", action="store_true", help="neither the base model's nor LoRA's")
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    random.seed(a.seed), np.random.seed(a.seed), torch.manual_seed(a.seed)
    tok = AutoTokenizer.from_pretrained(a.model)
    encode = encoder(a.scheme, tok)
    data = {}
    for split in ("train", "dev", "test"):
        seqs, labels = read(os.path.join(a.data, split + ".csv"))
        data[split] = ([encode(s) for s in seqs], labels)
    classes = int(max(data["train"][1])) + 1
    off = dict(attention_probs_dropout_prob=0.0, hidden_dropout_prob=0.0) if a.no_dropout else {}
    model = BertForSequenceClassification.from_pretrained(a.model, num_labels=classes, **off)
    steps = a.epochs * -(-len(data["train"][1]) // a.batch)
    common = dict(lora_alpha=a.alpha, lora_dropout=0.0 if a.no_dropout else 0.05, target_modules=TARGETS, task_type="SEQ_CLS")
    if a.method == "lora":
        cfg = LoraConfig(r=a.rank, **common)
    else:
        cfg = AdaLoraConfig(init_r=12, target_r=8, tinit=steps // 10, tfinal=steps // 3, deltaT=10, total_step=steps, **common)
    model = get_peft_model(model, cfg)
    trained = [q for q in model.parameters() if q.requires_grad]
    print(json.dumps({"trainable": sum(q.numel() for q in trained), "total": sum(q.numel() for q in model.parameters()), "steps": steps, "args": vars(a)}), flush=True)
    opt = torch.optim.AdamW(trained, lr=a.lr, weight_decay=0.01)
    sched = get_linear_schedule_with_warmup(opt, a.warmup, steps)
    rng = np.random.default_rng(a.seed)
    step, start = 0, time.process_time()

    def evaluate(split):
        model.eval()
        ids, labels = data[split]
        out, loss = [], 0.0
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
            for x, m, y in batches(ids, labels, np.arange(len(labels)), 64, tok.pad_token_id):
                r = model.base_model.model(input_ids=x, attention_mask=m)
                loss += torch.nn.functional.cross_entropy(r.logits.float(), y, reduction="sum").item()
                out.append(r.logits.float().argmax(-1).numpy())
        model.train()
        return matthews_corrcoef(labels, np.concatenate(out)), loss / len(labels)

    model.train()
    for epoch in range(1, a.epochs + 1):
        ids, labels = data["train"]
        for x, m, y in batches(ids, labels, rng.permutation(len(labels)), a.batch, tok.pad_token_id):
            with torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
                r = model(input_ids=x, attention_mask=m, labels=y)
            r.loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            lr = sched.get_last_lr()[0]
            opt.step(), sched.step()
            step += 1
            if a.method == "adalora":
                model.base_model.update_and_allocate(step)
            opt.zero_grad()
            print(json.dumps({"step": step, "epoch": epoch, "loss": round(r.loss.item(), 6), "learning_rate": lr}), flush=True)
        dev, dev_loss = evaluate("dev")
        test, _ = evaluate("test")
        print(json.dumps({"epoch": epoch, "dev_mcc": dev, "test_mcc": test, "dev_loss": dev_loss, "cpu_s": time.process_time() - start}), flush=True)
    print(json.dumps({"done": True, "cpu_s": time.process_time() - start}), flush=True)


if __name__ == "__main__":
    main()
