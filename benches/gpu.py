#!/usr/bin/env python3
"""Training steps on a GPU through wgpu, next to PyTorch + PEFT where torch finds the same GPU.

    cargo build --workspace --example train_step
    python benches/gpu.py --ours target/debug/examples/train_step --work /tmp/engine-bench

The models and steps of benches/engine.py. Prints real tokens a second (the last column against the fastest of PyTorch's
ways), FLOP/s of frozen weights and attention, CPU and wall milliseconds of a step, the memory that the device's
allocator holds, and that of the process. All take turns, for some rounds; numbers are medians. Several builds can be
set side by side: `--ours one two`. `--sizes mini --batches 1 --steps 4` is enough of it for a software adapter, whose
first step compiles the shaders.
"""
import argparse, json, os, statistics as st, subprocess, sys

from engine import LENGTH, PEER, SIZES, make_model, step_flops

PEERS = (("f32",), ("f32", "--tf32"), ("bf16-autocast",), ("bf16-weights",))


def run(command):
    try:
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired as error:
        print(error, file=sys.stderr)
        return None
    if result.returncode != 0:
        print(f"{' '.join(str(word) for word in command)}: {result.stderr[-500:]}", file=sys.stderr)
        return None
    return json.loads(result.stdout.splitlines()[-1])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ours", nargs="+", default=["target/debug/examples/train_step"])
    p.add_argument("--work", required=True, help="folder for the models, and for runs.jsonl, which keeps every run")
    p.add_argument("--sizes", default=",".join(SIZES))
    p.add_argument("--batches", default="8,32,128")
    p.add_argument("--methods", default="lora,ars")
    p.add_argument("--steps", type=int, default=12)
    p.add_argument("--rounds", type=int, default=3)
    a = p.parse_args()
    try:
        import torch

        cuda = torch.cuda.is_available()
    except ImportError:
        cuda = False
    if not cuda:
        print("PyTorch finds no GPU here: ours stands alone.", file=sys.stderr)
    print("| model, batch | who | how | device | tokens/s | GFLOP/s | CPU ms | wall ms | device MiB | process MiB | of the best PyTorch |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for size in a.sizes.split(","):
        folder = os.path.join(a.work, size)
        make_model(folder, size)
        for batch in map(int, a.batches.split(",")):
            table(a, size, batch, folder, cuda)


def table(a, size, batch, folder, cuda):
    common = (folder, batch, LENGTH, a.steps)
    ways = [
        (os.path.basename(ours), f"f32 {method}", (ours, *common, "f32", method, "wgpu"))
        for ours in a.ours
        for method in a.methods.split(",")
    ]
    for mode, *more in PEERS if cuda else ():
        name = " ".join([mode, *more]).replace("--", "") + " lora"
        ways.append(("PyTorch + PEFT", name, (sys.executable, PEER, *common, mode, "lora", "--device", "cuda", *more)))
    found = {way: [] for way in ways}
    for _ in range(a.rounds):
        for way in ways:
            measured = run(way[2])
            if measured:
                found[way].append(measured)
                with open(os.path.join(a.work, "runs.jsonl"), "a") as f:
                    f.write(json.dumps({"command": [str(word) for word in way[2]], **measured}) + "\n")
    rate = lambda runs: st.median(r["tokens_per_second"] for r in runs)
    best = max((rate(runs) for (who, *_), runs in found.items() if runs and who.startswith("PyTorch")), default=None)
    for (who, how, _), runs in found.items():
        if not runs:
            continue
        of = lambda key: st.median(r[key] or 0 for r in runs)
        flops = step_flops(size, batch) / of("wall_s") / 1e9
        share = f"{rate(runs) / best:.2f}" if best else ""
        cells = [f"{size}, {batch}", who, how, runs[0]["device"], f"{rate(runs):.0f}", f"{flops:.3g}", f"{1e3 * of('cpu_s'):.1f}", f"{1e3 * of('wall_s'):.1f}", f"{of('device_mib'):.0f}", f"{of('peak_mib'):.0f}", share]
        print("| " + " | ".join(cells) + " |", flush=True)


main()
