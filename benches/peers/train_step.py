#!/usr/bin/env python3
"""The peer of crates/adapt/examples/train_step.rs: the same training steps in PyTorch + PEFT.

    python benches/peers/train_step.py MODEL_FOLDER BATCH LENGTH STEPS f32|bf16-autocast|bf16-weights lora|adalora \
        [--threads 1] [--pad longest|batch] [--attention sdpa|eager] [--compile] [--device cuda] [--tf32]

LENGTH is a number of tokens, or a range as 15-110, of which each length is as frequent; batches are
padded to the longest of the data set (as the published scripts do) or of the batch.
What is equal to ours: BertForSequenceClassification with its dropouts, frozen; adapters of rank 8 (AdaLoRA: 10
to 8, allocating after every step but the first) on query, key, value and both feed-forward linears, dropout
0.05; AdamW, linear schedule, clipping at 1.0. Prints one JSON line, as ours does.
"""
import argparse, json, os, statistics as st, sys, time, warnings

p = argparse.ArgumentParser()
p.add_argument("model")
p.add_argument("batch", type=int)
p.add_argument("length")
p.add_argument("steps", type=int)
p.add_argument("mode", choices=["f32", "bf16-autocast", "bf16-weights"])
p.add_argument("method", choices=["lora", "adalora"])
p.add_argument("--threads", type=int, default=1)
p.add_argument("--pad", default="longest", choices=["longest", "batch"])
p.add_argument("--attention", default="sdpa", choices=["sdpa", "eager"])
p.add_argument("--compile", action="store_true")
p.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
p.add_argument("--tf32", action="store_true", help="products of f32 on CUDA in TensorFloat-32")
a = p.parse_args()
os.environ["OMP_NUM_THREADS"] = str(a.threads)
# Threads that wait must sleep: on a machine with other work, spinning made a step of 0.5 CPU seconds one of 6.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import peft, torch, transformers
from transformers import BertForSequenceClassification, get_linear_schedule_with_warmup

WARM_UP = 2  # steps that are not counted, as in ours
TARGETS = r".*\.layer\.\d+\.(attention\.self\.(query|key|value)|intermediate\.dense|output\.dense)"


def peak_mib():
    """Most memory that the process held. (ru_maxrss would begin with that of the parent process.)"""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM:"))


def random_batches(rng, vocabulary):
    shortest, longest = int(a.length.split("-")[0]), int(a.length.split("-")[-1])
    lengths = shortest + np.arange(a.batch * a.steps) % (longest + 1 - shortest)
    for pick in rng.permutation(len(lengths)).reshape(a.steps, a.batch):
        n = torch.tensor(lengths[pick])
        width = longest if a.pad == "longest" else int(n.max())
        mask = (torch.arange(width) < n[:, None]).long()
        ids = torch.tensor(rng.integers(0, vocabulary, (a.batch, width))) * mask
        yield ids, mask, torch.tensor(pick % 2)


def main():
    imports_mib = peak_mib()
    torch.set_num_threads(a.threads)
    torch.backends.cuda.matmul.allow_tf32 = a.tf32
    torch.manual_seed(1)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    model = BertForSequenceClassification.from_pretrained(a.model, num_labels=2, attn_implementation=a.attention)
    if a.mode == "bf16-weights":
        model.to(torch.bfloat16)  # PEFT makes its adapters in f32
    planned = 8 * a.steps  # ours plans as many
    common = dict(lora_alpha=16, lora_dropout=0.05, target_modules=TARGETS, task_type="SEQ_CLS")
    if a.method == "lora":
        config = peft.LoraConfig(r=8, **common)
    else:
        config = peft.AdaLoraConfig(init_r=10, target_r=8, tinit=1, tfinal=planned * 3 // 10, deltaT=1, total_step=planned, **common)
    model = peft.get_peft_model(model, config).to(a.device)
    model.train()
    trained = [q for q in model.parameters() if q.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(optimizer, min(50, planned // 10), planned)
    forward = torch.compile(model) if a.compile else model

    marks, tokens = [(time.process_time(), time.perf_counter())], []
    for step, (ids, mask, labels) in enumerate(random_batches(np.random.default_rng(1), model.config.vocab_size), 1):
        ids, mask, labels = (t.to(a.device) for t in (ids, mask, labels))
        with torch.autocast(a.device, torch.bfloat16, enabled=a.mode == "bf16-autocast"):
            loss = forward(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        if a.method == "adalora":
            model.base_model.update_and_allocate(step)
        optimizer.zero_grad()
        loss.item()
        marks.append((time.process_time(), time.perf_counter()))
        tokens.append(int(mask.sum()))

    counted, counted_tokens = marks[WARM_UP:], sum(tokens[WARM_UP:])
    print(json.dumps({
        "cpu_s": st.median(after[0] - before[0] for before, after in zip(counted, counted[1:])),
        "wall_s": st.median(after[1] - before[1] for before, after in zip(counted, counted[1:])),
        "cpu_us_per_token": (counted[-1][0] - counted[0][0]) / counted_tokens * 1e6,
        "tokens_per_second": counted_tokens / (counted[-1][1] - counted[0][1]),
        "peak_mib": peak_mib(),
        "device": torch.cuda.get_device_name() if a.device == "cuda" else "cpu",
        "device_mib": torch.cuda.max_memory_reserved() / 2**20 if a.device == "cuda" else None,
        "imports_mib": imports_mib,
        "threads": str(a.threads),
        "trained": sum(q.numel() for q in trained),
        "versions": {"python": sys.version.split()[0], "torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__},
    }))


if __name__ == "__main__":
    main()
