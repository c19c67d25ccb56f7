#!/usr/bin/env python3
"""The training engine beside PyTorch + PEFT: the table of seconds and memory of training steps.

    CARGO_TARGET_DIR=target cargo build -p lingo-adapt -p lingo-pipe --example train_step
    python benches/engine.py --ours target/debug/examples/train_step --work /tmp/engine-bench
    python benches/engine.py ... --only 'step/mini/8/' --quick

Frozen BERTs with random weights: `mini` (6 layers, hidden 384, FFN 1536) and `base` (12, 768, 3072), 12 heads.
A row sets one program against one or several others. All take turns, for some rounds; where there are several
others, the first round chooses the fastest. Numbers are medians of rounds, those of steps medians of steps, the
first two steps left out. CPU seconds are those of all threads, user and system. Every run is kept in runs.jsonl.
"""
import argparse, json, os, platform, re, statistics as st, subprocess, sys, time
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = os.path.join(HERE, "peers", "train_step.py")
SIZES = {"mini": (6, 384, 1536), "base": (12, 768, 3072)}  # layers, hidden, feed-forward
WHOLE = 40  # steps
LENGTH = 128
MIX = "15-110"  # yeast windows of 70 to 500 bases at about 4.6 bases a BPE token: every length as frequent


@dataclass
class Row:
    name: str  # kind/model/batch/precision/threads
    what: str  # the key of the runs' JSON that is compared
    to_reach: str
    run: tuple
    against: list
    flops: float = 0  # of a step, where `what` is FLOP/s


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--ours", default="target/debug/examples/train_step")
    p.add_argument("--work", required=True, help="folder for the models and runs.jsonl")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--only", default="", help="regular expression that a row's name must match")
    p.add_argument("--quick", action="store_true", help="5 steps, fewer of PyTorch's ways: to see that it works")
    p.add_argument("--gemm", action="store_true", help=argparse.SUPPRESS)
    return p.parse_args()


def make_model(folder, size):
    """A BERT with random weights as a Hugging Face folder."""
    if os.path.isfile(os.path.join(folder, "model.safetensors")):
        return
    import torch, transformers

    layers, hidden, inner = SIZES[size]
    torch.manual_seed(1)
    transformers.utils.logging.disable_progress_bar()
    config = transformers.BertConfig(vocab_size=30522, num_hidden_layers=layers, hidden_size=hidden, num_attention_heads=12, intermediate_size=inner)
    transformers.BertModel(config).save_pretrained(folder)


def gemm():
    """The best rate of oneDNN's bf16 product on one thread, over the shapes of `base`."""
    import torch

    torch.set_num_threads(1)
    best = 0
    for m, k, n in [(4096, 768, 3072), (4096, 3072, 768), (4096, 768, 768)]:
        x, weight = torch.randn(m, k).bfloat16(), torch.randn(n, k).bfloat16()
        for _ in range(10):
            start = time.process_time()
            torch.nn.functional.linear(x, weight)
            best = max(best, 2 * m * k * n / (time.process_time() - start) / 1e9)
    print(json.dumps({"gflops": best}))


def step_flops(size, batch):
    """Products with frozen weights (forward, and the input's gradient down to the lowest adapters) and attention."""
    layers, hidden, inner = SIZES[size]
    tokens = batch * LENGTH
    weights = layers * (4 * hidden * hidden + 2 * hidden * inner)
    below = 3 * hidden * hidden  # no gradient is asked for below query, key and value of the first block
    attention = layers * 12 * LENGTH * hidden  # scores and context: 2 products forward, 4 backward, 2 FLOP each
    return tokens * (2 * weights + 2 * (weights - below) + attention)


def rows(a):
    steps = dict.fromkeys(SIZES, 5) if a.quick else {"mini": 16, "base": 8}
    epoch = 6 if a.quick else 12  # batches

    def ours(size, batch, precision, method="lora", threads=1, length=LENGTH, n=None):
        return (f"RAYON_NUM_THREADS={threads}", a.ours, model(a, size), batch, length, n or steps[size], precision, method)

    def peers(size, batch, precision, method="lora", threads=1, length=LENGTH, n=None, more=()):
        ways = [(m, ("--attention", t)) for m in modes(precision) for t in ("sdpa", "eager")]
        if precision == "bf16" and length == LENGTH and not a.quick:
            ways.append(("bf16-autocast", ("--compile",)))
        ways = ways[:2] if a.quick else ways
        return [(sys.executable, PEER, model(a, size), batch, length, n or steps[size], m, method, "--threads", threads, *w, *more) for m, w in ways]

    def modes(precision):
        return ["f32"] if precision == "f32" else ["bf16-autocast", "bf16-weights"]

    for threads in (1, 2):
        for size in SIZES:
            for batch in (8, 32):
                for precision, to_reach in (("f32", "1.7"), ("bf16", "1.5")):
                    setting = (size, batch, precision, "lora", threads)
                    yield Row(f"step/{size}/{batch}/{precision}/{threads}", "cpu_s", to_reach, ours(*setting), peers(*setting))
    for size in SIZES:
        for batch in (8, 32):
            name = f"{size}/{batch}/bf16"
            # A whole schedule, from the initial rank to the final one.
            lora = [ours(size, batch, "bf16", n=WHOLE)]
            yield Row(f"ars/{name}/1", "cpu_us_per_token", "0.95 of our LoRA", ours(size, batch, "bf16", "ars", n=WHOLE), lora)
            yield Row(f"adalora/{name}/1", "cpu_s", "", ours(size, batch, "bf16", "adalora"), peers(size, batch, "bf16", "adalora"))
            for precision in ("f32", "bf16"):
                one, two = (ours(size, batch, precision, threads=t) for t in (1, 2))
                yield Row(f"threads/{size}/{batch}/{precision}", "wall_s", "1.8 of one thread", two, [one])
    for size in SIZES:
        setting = dict(size=size, batch=32, precision="bf16", length=MIX, n=epoch)
        for pad, to_reach in (("longest", "2.5"), ("batch", "as step")):
            yield Row(f"mixed-{pad}/{size}/32/bf16/1", "cpu_us_per_token", to_reach, ours(**setting), peers(**setting, more=("--pad", pad)))
    yield Row("limit/base/32/bf16/1", "gflops", "0.65 of the GEMM", ours("base", 32, "bf16"), [(sys.executable, __file__, "--gemm", "--work", a.work)], step_flops("base", 32))


def model(a, size):
    return os.path.join(a.work, size)


def run(a, row, command):
    words = [str(word) for word in command]
    environment = dict(os.environ)
    if "=" in words[0]:
        name, value = words[0].split("=")
        environment[name] = value
    print(f"{time.strftime('%H:%M:%S')} {row.name}: {' '.join(words)}", file=sys.stderr, flush=True)
    result = subprocess.run(words["=" in words[0] :], env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        print(result.stderr[-500:], file=sys.stderr)
        return None
    measured = json.loads(result.stdout.splitlines()[-1])
    if row.flops and "gflops" not in measured:
        measured["gflops"] = row.flops / measured["cpu_s"] / 1e9
    with open(os.path.join(a.work, "runs.jsonl"), "a") as f:
        f.write(json.dumps({"row": row.name, "command": words, **measured}) + "\n")
    return measured


def measure(a, row):
    """Takes turns; the runs of ours, those of the best of the others, and its command."""
    faster = max if row.what == "gflops" else min
    mine, others, best = [], [], None
    for _ in range(a.rounds):
        mine.append(run(a, row, row.run) or sys.exit(f"{row.name}: ours failed"))
        tried = [(c, run(a, row, c)) for c in ([best] if best else row.against)]
        if not any(found for _, found in tried):
            sys.exit(f"{row.name}: nothing to compare with ran")
        best, found = faster((t for t in tried if t[1]), key=lambda t: t[1][row.what])
        others.append(found)
    return mine, others, best


def line(row, mine, others, best):
    a, b = ([m[row.what] for m in runs] for runs in (mine, others))
    quotient = (lambda x, y: x / y) if row.what == "gflops" else (lambda x, y: y / x)
    each = [quotient(x, y) for x, y in zip(a, b)]
    memory = ["", "", ""]
    if "peak_mib" in others[0]:
        p, q = (st.median(m["peak_mib"] for m in runs) for runs in (mine, others))
        memory = [f"{p:.0f}", f"{q:.0f}", f"{p / q:.2f}"]
    wall = " / ".join(f"{st.median(m['wall_s'] for m in runs):.3g}" for runs in (mine, others) if "wall_s" in runs[0])
    words = [str(w) for w in best]
    other = " ".join(w for w in words if w in ("f32", "bf16", "bf16-autocast", "bf16-weights", "sdpa", "eager", "--compile", "--gemm")).replace("--", "")
    cells = [row.name, row.what, f"{st.median(a):.4g}", f"{st.median(b):.4g}", other, f"**{quotient(st.median(a), st.median(b)):.2f}** ({min(each):.2f} to {max(each):.2f})", row.to_reach, wall, *memory]
    return "| " + " | ".join(cells) + " |"


def versions():
    from importlib.metadata import version

    with open("/proc/cpuinfo") as f:
        text = f.read()
    chip = re.search(r"model name\s*: (.*)", text)
    print(f"python {platform.python_version()}, " + ", ".join(f"{p} {version(p)}" for p in ("torch", "transformers", "peft")))
    print(f"{chip.group(1) if chip else platform.machine()}, {os.cpu_count()} cores, avx512_bf16 {'yes' if 'avx512_bf16' in text else 'no'}; load {os.getloadavg()[0]:.1f}; " + " ".join(platform.uname()[0:3:2]))
    commit = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    print(f"lingo-pipe {commit}; `python {' '.join(sys.argv)}`")


def main():
    a = parse()
    if a.gemm:
        return gemm()
    a.work, a.ours = os.path.abspath(a.work), os.path.abspath(a.ours)
    wanted = [row for row in rows(a) if re.search(a.only, row.name)]
    for size in SIZES:
        if any(f"/{size}/" in row.name for row in wanted):
            make_model(model(a, size), size)
    versions()
    print(f"""
Rows: kind/model/batch/precision/threads. `step`: {LENGTH} tokens a sequence, LoRA of rank 8, against PyTorch + PEFT at its best.
`ars`: adaptive rank sampling against our own LoRA. `adalora`: ours against PEFT's. `threads`: two against one, wall seconds.
`mixed`: an epoch of sequences of {MIX} tokens, every length as frequent (yeast windows of 70 to 500 bases), CPU time for a
token that is not padding; PyTorch pads to the longest of the data set (`longest`) or of the batch (`batch`).
`limit`: GFLOP/s of the frozen weights and attention against oneDNN's best bf16 GEMM. A ratio above 1 is for us, except in `limit`.

| row | measured | ours | other | which | ratio (of rounds) | to reach | wall s a step | MiB ours | MiB other | ratio |
|---|---|---|---|---|---|---|---|---|---|---|""")
    for row in wanted:
        print(line(row, *measure(a, row)), flush=True)


if __name__ == "__main__":
    main()
