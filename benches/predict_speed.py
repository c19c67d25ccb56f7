#!/usr/bin/env python3
"""Prediction beside PyTorch + transformers + PEFT: windows per CPU second, one thread each.

    python benches/predict_speed.py --ours target/debug/lingo-pipe --model $MINILM --work /tmp/predict-bench [--rounds 3]
    python benches/predict_speed.py ... --chromosome 10000000     the wall time of a whole chromosome to bigWig, too

Windows of 200 random bases, a LoRA of rank 8 on MiniLM (trained on the spot for a few steps: it is the speed that is
asked for). Both sides are one process each on one core (`taskset -c 1`), with one
thread, at the same precision, and read the same token ids (3-mers side by side, known words of the model); they take turns. Told is what the windows cost beyond a start:
windows between a short and a long run by the CPU seconds between them, as medians of rounds. The peer runs batches of 64
under torch.inference_mode, and its bf16 is bf16 weights, or autocast, whichever is faster in the first round. Both sides
keep the adapter beside the weights, as trained, or with --merged add it to them.
"""
import argparse, json, os, platform, random, resource, statistics as st, subprocess, sys, time

HERE = os.path.abspath(__file__)
SHORT, LONG = 64, 320


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--ours", default="target/debug/lingo-pipe")
    p.add_argument("--model", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--merged", action="store_true", help="the adapter added to the weights on both sides, instead of beside them")
    p.add_argument("--chromosome", type=int, default=0, help="bases")
    p.add_argument("--peer", nargs=5, help=argparse.SUPPRESS)
    return p.parse_args()


def peer(adapter, model, tokens, mode, merged):
    """Predicts the windows of a tokens.parquet in PyTorch."""
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), "..", "tests", "oracles"))
    import torch, pyarrow.parquet as pq
    from adapt_peft_roundtrip import load

    torch.set_num_threads(1)
    network, _ = load(adapter, model)
    if merged == "merged":
        network = network.merge_and_unload()
    if mode == "bf16-weights":
        network = network.to(torch.bfloat16)
    rows = pq.read_table(tokens)["input_ids"].to_pylist()
    rows.sort(key=len)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=mode == "bf16-autocast"):
        for start in range(0, len(rows), 64):
            batch = rows[start : start + 64]
            length = max(map(len, batch))
            ids = torch.tensor([r + [0] * (length - len(r)) for r in batch])
            mask = torch.tensor([[1] * len(r) + [0] * (length - len(r)) for r in batch])
            network(input_ids=ids, attention_mask=mask).logits.float().tolist()


def cpu_seconds(command, environment=None):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["taskset", "-c", "1"] + command, check=True, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    a = parse()
    if a.peer:
        return peer(*a.peer)
    os.makedirs(a.work, exist_ok=True)
    at = lambda name: os.path.join(a.work, name)
    ours = lambda *words: subprocess.run([a.ours, *words, "--quiet"], check=True)
    random.seed(1)
    bases = lambda n: "".join(random.choices("ACGT", k=n))
    with open(at("train.csv"), "w") as f:
        f.write("sequence,label\n" + "".join(f"{bases(200)},{i % 2}\n" for i in range(64)))
    for n in (SHORT, LONG):
        with open(at(f"{n}.csv"), "w") as f:
            f.write("sequence,label\n" + "".join(f"{bases(200)},{i % 2}\n" for i in range(n)))
    ours("ingest", "--train", at("train.csv"), "--dev", at("train.csv"), "--test", at("train.csv"), "--on-leak", "warn", "--out", at("e.parquet"))
    encode = ["tokenize", "encode", "--scheme", "kmer:3:3", "--model", a.model]
    ours(*encode, "--input", at("e.parquet"), "--out", at("t.parquet"))
    for precision in ("f32", "bf16"):
        ours("adapt", "--model", a.model, "--input", at("t.parquet"), "--method", "lora", "--set", "method.rank=8", "--set", "train.epochs=1", "--set", f"train.precision={precision}", "--out", at(precision))
    for n in (SHORT, LONG):
        ours("ingest", "--train", at(f"{n}.csv"), "--dev", at("train.csv"), "--test", at("train.csv"), "--on-leak", "warn", "--out", at(f"{n}.parquet"))
    tokens = {}
    import pyarrow.parquet as pq
    for n in (SHORT, LONG):
        ours(*encode, "--input", at(f"{n}.parquet"), "--out", at(f"{n}.tokens.parquet"))
        table = pq.read_table(at(f"{n}.tokens.parquet"))
        tokens[n] = len(table), sum(map(len, table["input_ids"].to_pylist()))
    windows = tokens[LONG][0] - tokens[SHORT][0]
    print(f"{platform.machine()}, {windows} windows of {tokens[LONG][1] / tokens[LONG][0]:.0f} tokens")

    def our_run(precision, merged, n):
        words = [a.ours, "predict", "--threads", "1", "--device", "cpu", "--quiet", "--adapter", at(f"{precision}/adapter"), "--model", a.model, "--input", at(f"{n}.parquet"), "--out", at("p.parquet")]
        return cpu_seconds(words + (["--merge"] if merged else []))

    def peer_run(mode, merged, n):
        precision = mode.split("-")[0]
        words = [sys.executable, HERE, "--model", a.model, "--work", a.work, "--peer", at(f"{precision}/adapter"), a.model, at(f"{n}.tokens.parquet"), mode, "merged" if merged else "beside"]
        return cpu_seconds(words, {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

    rate = lambda run: windows / max(1e-9, run(LONG) - run(SHORT))
    for precision, modes in (("f32", ["f32"]), ("bf16", ["bf16-weights", "bf16-autocast"])):
        for merged in (a.merged,):
            found = {"ours": [], **{mode: [] for mode in modes}}
            for number in range(a.rounds):
                found["ours"].append(rate(lambda n: our_run(precision, merged, n)))
                for mode in list(modes):
                    found[mode].append(rate(lambda n: peer_run(mode, merged, n)))
                if number == 0 and len(modes) > 1:
                    best = max(modes, key=lambda mode: found[mode][0])
                    modes = [best]
            mine, theirs = st.median(found["ours"]), st.median(found[modes[0]])
            print(json.dumps({"precision": precision, "merged": merged, "ours": round(mine, 1), "peer": modes[0], "theirs": round(theirs, 1), "ratio": round(mine / theirs, 2), "rounds": {k: [round(v, 1) for v in vs] for k, vs in found.items()}}), flush=True)

    if a.chromosome:
        with open(at("chromosome.fa"), "w") as f:
            f.write(">chr1\n")
            for _ in range(a.chromosome // 60):
                f.write(bases(60) + "\n")
        for precision in ("f32", "bf16"):
            begin = time.time()
            ours("predict", "--device", "cpu", "--adapter", at(f"{precision}/adapter"), "--model", a.model, "--fasta", at("chromosome.fa"), "--width", "200", "--stride", "100", "--out", at(f"{precision}.bw"))
            print(json.dumps({"chromosome": a.chromosome, "precision": precision, "wall_s": round(time.time() - begin, 1)}), flush=True)


main()
