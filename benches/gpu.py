#!/usr/bin/env python3
"""Training steps on a GPU through wgpu, next to PyTorch + PEFT where torch finds the same GPU.

    cargo build -p lingo-adapt -p lingo-pipe --example train_step
    python benches/gpu.py --ours target/debug/examples/train_step --work /tmp/engine-bench

The models and steps of benches/engine.py. Prints real tokens a second, FLOP/s of frozen weights and attention
(wall time), the memory that the device's allocator holds, and that of the process. `--sizes mini --batches 1 --steps 4`
is enough of it for a software adapter, whose first step compiles the shaders.
"""
import argparse, json, os, statistics as st, subprocess, sys

from engine import LENGTH, PEER, SIZES, make_model, step_flops


def run(command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if result.returncode != 0:
        print(f"{' '.join(str(word) for word in command)}: {result.stderr[-500:]}", file=sys.stderr)
        return None
    return json.loads(result.stdout.splitlines()[-1])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ours", default="target/debug/examples/train_step")
    p.add_argument("--work", required=True, help="folder for the models")
    p.add_argument("--sizes", default=",".join(SIZES))
    p.add_argument("--batches", default="8,32,128")
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
    print("| model, batch, precision | who | device | tokens/s | GFLOP/s | device MiB | process MiB |")
    print("|---|---|---|---|---|---|---|")
    for size in a.sizes.split(","):
        folder = os.path.join(a.work, size)
        make_model(folder, size)
        for batch in map(int, a.batches.split(",")):
            common = (folder, batch, LENGTH, a.steps)
            ways = [("lingo-pipe", "f32", (a.ours, *common, "f32", "lora", "wgpu"))]
            if cuda:
                for mode in ("f32", "bf16-autocast"):
                    ways.append(("PyTorch + PEFT", mode, (sys.executable, PEER, *common, mode, "lora", "--device", "cuda")))
            found = {way: [] for way in ways}
            for _ in range(a.rounds):
                for way in ways:
                    found[way].append(run(way[2]))
            for (who, mode, _), runs in found.items():
                runs = [r for r in runs if r]
                if not runs:
                    continue
                of = lambda key: st.median(r[key] or 0 for r in runs)
                rate = step_flops(size, batch) / of("wall_s") / 1e9
                print(f"| {size}, {batch}, {mode} | {who} | {runs[0]['device']} | {of('tokens_per_second'):.0f} | {rate:.3g} | {of('device_mib'):.0f} | {of('peak_mib'):.0f} |", flush=True)


main()
