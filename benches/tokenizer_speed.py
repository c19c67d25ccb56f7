#!/usr/bin/env python3
"""Our tokenizers beside their peers, in one run: CPU seconds, ratios, peak memory, one thread and two.

    cargo build -p lingo-pipe -p lingo-tokenize --bins --examples
    python benches/tokenizer_speed.py --genome R64-1-1.fa --bed emp_probes_on_R64.bed --work DIR [--rounds 3] [--peer-bases 20000000]

Needs tokenizers, pyfaidx, pyarrow and numpy. `--genome` is the real one (plain FASTA); a genome of 200 Mb is generated beside it
from pieces of the real one, mutated (`--generated 0` leaves it out). Peers that are slow see `--peer-bases` of it, and the
ratio is of seconds a base. Rounds alternate; medians are shown.
"""
import argparse, json, os, random, statistics, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
PEER = [sys.executable, os.path.join(HERE, "peers", "tokenizers_of_others.py")]

p = argparse.ArgumentParser()
p.add_argument("--genome", required=True)
p.add_argument("--bed", required=True)
p.add_argument("--work", required=True)
p.add_argument("--target", default=os.environ.get("CARGO_TARGET_DIR", "target") + "/debug")
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--generated", type=int, default=200_000_000)
p.add_argument("--peer-bases", type=int, default=20_000_000)
a = p.parse_args()
OURS = [os.path.join(a.target, "examples", "tokenizer_speed")]
LINGO = os.path.join(a.target, "lingo-pipe")
os.makedirs(a.work, exist_ok=True)


def path(name):
    return os.path.join(a.work, name)


def sequences(fasta):
    found = []
    for line in open(fasta):
        if line[0] == ">":
            found.append([])
        else:
            found[-1].append(line.strip().upper())
    return ["".join(s) for s in found]


def generate(real, n):
    """Pieces of the real genome, half of them from the other strand, every tenth base drawn anew."""
    import numpy as np

    rng = np.random.default_rng(1)
    text = np.frombuffer("".join(real).encode(), np.uint8)
    other = np.zeros(256, np.uint8)
    other[list(b"ACGTN")] = list(b"TGCAN")
    out, size = [], 0
    while size < n:
        start = rng.integers(len(text) - 20000)
        piece = text[start : start + rng.integers(500, 20000)].copy()
        if rng.random() < 0.5:
            piece = other[piece[::-1]]
        new = rng.random(len(piece)) < 0.1
        piece[new] = rng.choice(np.frombuffer(b"ACGT", np.uint8), new.sum())
        out.append(piece.tobytes().decode())
        size += len(piece)
    return "".join(out)[:n]


def write(name, texts, width, most=None):
    with open(path(name), "w") as f:
        left = most or 10**12
        for t in texts:
            for i in range(0, len(t), width):
                piece = t[i : i + width][:left]
                left -= len(piece)
                if piece:
                    f.write(piece + "\n")


def run(command, threads):
    env = os.environ | {"RAYON_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false"}
    ran = subprocess.run(command, env=env, capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1])


# A process of its own starts each command: the peak memory that is told begins with the size of the starter.
TIMED = """
import json, os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
assert status == 0, sys.argv
print(json.dumps({"cpu": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}))
"""


def timed(commands, threads):
    """Whole processes of ours, one after another."""
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    w = time.perf_counter()
    reports = [run([sys.executable, "-c", TIMED] + command, threads) for command in commands]
    w = time.perf_counter() - w
    return {"cpu": sum(r["cpu"] for r in reports), "wall": w, "peak_mib": max(r["peak_mib"] for r in reports)}


def row(name, ours, peer, bases=None, peer_bases=None, check=None):
    """Medians over the rounds; peers once, on one thread."""
    peers, one, two = [], [], []
    for _ in range(a.rounds):
        if peer and len(peers) < (1 if peer_bases else a.rounds):
            peers.append(peer(1))
        one.append(ours(1))
        two.append(ours(2))
    m = lambda v, k: statistics.median(x[k] for x in v)
    scale = bases / peer_bases if peer_bases else 1
    ratio = f"{m(peers, 'cpu') * scale / m(one, 'cpu'):.1f}" if peer else ""
    equal = ""
    if check:
        equal = "yes" if all(peers[0][k] == one[0][k] == two[0][k] for k in check) else "NO"
    cells = [name, f"{m(one, 'cpu'):.4g}", f"{m(peers, 'cpu') * scale:.4g}" if peer else "", ratio,
             f"{m(one, 'wall') / m(two, 'wall'):.2f}", f"{m(one, 'peak_mib'):.0f}",
             f"{m(peers, 'peak_mib'):.0f}" if peer else "", equal]
    if "memcpy" in one[0]:
        copied = m(one, "memcpy_wall") / m(two, "memcpy_wall")
        cells[0] += f" ({m(one, 'memcpy') / m(one, 'cpu'):.2f} of memcpy, which two threads make {copied:.2f} times as fast)"
    print("| " + " | ".join(cells) + " |", flush=True)


real = sequences(a.genome)
vocabulary = path("bpe-4096.json")
write("real-500", real, 500)
run(OURS + ["train", "4096", path("real-500"), vocabulary], 1)
print("| work | ours, CPU s | peer, CPU s | ratio | two threads, wall | MiB, ours | MiB, peer | equal |")
print("|---|---|---|---|---|---|---|---|")
for genome in ["real", "generated"]:
    texts = real
    if genome == "generated":
        if a.generated == 0:
            break
        texts = [generate(real, a.generated)]
    size = sum(map(len, texts))
    small = min(size, a.peer_bases)
    part = size if small < size else None
    for name, width in [("1-kb", 1000), ("1-Mb", 1_000_000)]:
        write(f"{genome}-{name}", texts, width)
        write(f"{genome}-{name}-peer", texts, width, small)
        ours = lambda n: run(OURS + ["encode", vocabulary, path(f"{genome}-{name}"), "1"], n)
        peer = lambda n: run(PEER + ["encode", vocabulary, path(f"{genome}-{name}-peer")], n)
        check = ("tokens", "sum") if not part else None
        row(f"BPE encode, {genome}, {name} words", ours, peer, size, part and small, check)
    ours = lambda n: run(OURS + ["kmers", "6", path(f"{genome}-1-kb"), "1"], n)
    peer = lambda n: run(PEER + ["kmers", "6", path(f"{genome}-1-kb-peer")], n)
    row(f"overlapping 6-mers, {genome}", ours, peer, size, part and small, ("tokens", "sum") if not part else None)

write("train-500", real + ([generate(real, 20_000_000 - sum(map(len, real)))]), 500)
trained = lambda who: (lambda n: run(who + ["train", "4096", path("train-500"), path(f"{len(who)}.json")], n))
row("BPE train, 20 Mb in 500-bp lines", trained(OURS), trained(PEER))
merges = [json.load(open(path(f)))["model"]["merges"] for f in ("1.json", "2.json")]
merges = [[m if isinstance(m, str) else " ".join(m) for m in v] for v in merges]
print(f"merges equal: {merges[0] == merges[1]} ({len(merges[0])})")
e, t = path("e.parquet"), path("t.parquet")
stages = [[LINGO, "ingest", "--fasta", a.genome, "--bed", a.bed, "--label-column", "5", "--out", e],
          [LINGO, "tokenize", "encode", "--tokenizer", vocabulary, "--input", e, "--out", t]]
table = lambda n: run(PEER + ["table", vocabulary, a.genome, a.bed, path("peer.parquet")], n)
fused = [[LINGO, "tokenize", "encode", "--tokenizer", vocabulary, "--fasta", a.genome, "--bed", a.bed,
          "--label-column", "5", "--out", t]]
row("FASTA + BED to tokens.parquet: tokenize encode --fasta --bed", lambda n: timed(fused, n), table)
row("the same by ingest (with labels, splits, audit), then tokenize encode", lambda n: timed(stages, n), table)
row("of it, tokenize encode alone", lambda n: timed(stages[1:], n), None)
