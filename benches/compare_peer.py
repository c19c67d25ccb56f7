#!/usr/bin/env python3
"""Our runs beside the peer's: test MCC by seed, mean and spread, and how far the loss curves are apart.

    python benches/compare_peer.py --ours runs/schemes/k3_reuse/lora --peer 'peer/kmer3-*.jsonl'

`--ours` is a folder with seed-1, seed-2, ... (train.jsonl, metrics.json, training.json);
`--peer` matches files that benches/peers/train_gue.py wrote. Python's standard library is enough.
"""
import argparse, glob, json, os, statistics as st


def lines(path):
    with open(path) as f:
        return [json.loads(x) for x in f if x.strip()]


def spread(v):
    return f"{st.mean(v):.3f} ± {st.stdev(v):.3f}" if len(v) > 1 else f"{v[0]:.3f}"


def binned(points, width):
    """Mean loss over windows of `width` steps."""
    out = {}
    for step, loss in points:
        out.setdefault((step - 1) // width, []).append(loss)
    return {k: st.mean(v) for k, v in out.items()}


p = argparse.ArgumentParser()
p.add_argument("--ours", required=True)
p.add_argument("--peer", required=True)
p.add_argument("--window", type=int, default=154)
a = p.parse_args()

ours, our_curve, our_seconds = [], {}, []
for folder in sorted(glob.glob(os.path.join(a.ours, "seed-*"))):
    with open(os.path.join(folder, "metrics.json")) as f:
        ours.append(json.load(f)["test"]["mcc"])
    events = lines(os.path.join(folder, "train.jsonl"))
    our_seconds.append(max(e.get("seconds") or 0 for e in events))
    points, last = [], 0
    for e in events:
        if e.get("loss") is not None:  # mean since the last event: spread over those steps
            points += [(s, e["loss"]) for s in range(last + 1, e["step"] + 1)]
            last = e["step"]
    for k, v in binned(points, a.window).items():
        our_curve.setdefault(k, []).append(v)

best, last_epoch, peer_curve, peer_seconds = [], [], {}, []
for path in sorted(glob.glob(a.peer)):
    rows = lines(path)
    epochs = [r for r in rows if "dev_mcc" in r]
    if not any(r.get("done") for r in rows):
        print(f"(not finished, left out: {path})")
        continue
    best.append(max(epochs, key=lambda r: r["dev_mcc"])["test_mcc"])
    last_epoch.append(epochs[-1]["test_mcc"])
    peer_seconds.append(epochs[-1]["cpu_s"])
    for k, v in binned([(r["step"], r["loss"]) for r in rows if "loss" in r], a.window).items():
        peer_curve.setdefault(k, []).append(v)

print(f"test MCC, ours (best dev epoch):  {spread(ours)}   {[round(x, 3) for x in ours]}")
print(f"test MCC, peer (best dev epoch):  {spread(best)}   {[round(x, 3) for x in best]}")
print(f"test MCC, peer (last epoch):      {spread(last_epoch)}")
print(f"wall seconds ours {spread(our_seconds)}; CPU seconds peer {spread(peer_seconds)}")
print(f"mean loss by {a.window} steps (ours | peer):")
for k in sorted(set(our_curve) & set(peer_curve)):
    print(f"  {k * a.window + 1:>5}..  {spread(our_curve[k])} | {spread(peer_curve[k])}")
