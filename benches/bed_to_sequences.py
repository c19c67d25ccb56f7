#!/usr/bin/env python3
"""`lingo-pipe ingest` beside `bedtools getfasta -s`: CPU seconds and peak memory for many stranded intervals.

    python benches/bed_to_sequences.py GENOME.fa [--lingo lingo-pipe] [--intervals 1000000] [--width 500] [--rounds 5]
                                       [--threads 1,2] [--to null,disk,parquet] [--made-up 200000000]

Intervals are drawn at random (seeded), half of them on the minus strand, and given sorted and shuffled. Ours runs with
`--leakage unexamined --part-overlaps`, which is the work that bedtools does; `exact` and `near` are what an audit adds. `null` writes FASTA to a pipe
into /dev/null (both), `disk` to a file (both; the copy into the page cache is the same for both and cannot be made less),
`parquet` writes examples.parquet beside bedtools' FASTA. With --made-up, a genome of so many bases is generated beside the given one.

Runs alternate; printed are medians of user+sys seconds, the median ratio of runs in pairs, and the highest peak memory. Each
pair of orders is checked once: both programs must give the same bytes. Needs numpy, bedtools and GNU time; the FASTA must be unpacked.
"""
import argparse, os, shutil, statistics, subprocess, sys, tempfile, time

import numpy as np

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("genome")
p.add_argument("--lingo", default="lingo-pipe")
p.add_argument("--intervals", type=int, default=1_000_000)
p.add_argument("--width", type=int, default=500)
p.add_argument("--rounds", type=int, default=5)
p.add_argument("--threads", default="1,2")
p.add_argument("--to", default="null,disk")
p.add_argument("--leakage", default="unexamined")
p.add_argument("--orders", default="sorted,shuffled")
p.add_argument("--made-up", type=int, default=0)
a = p.parse_args()
work = tempfile.mkdtemp(prefix="bed_to_sequences.")


def lengths(path):
    found, name, n = [], None, 0
    with open(path) as f:
        for line in f:
            if line[0] == ">":
                if name:
                    found.append((name, n))
                name, n = line[1:].split()[0], 0
            else:
                n += len(line.strip())
    return found + [(name, n)]


def made_up(path, bases):
    rng = np.random.default_rng(7)
    with open(path, "wb") as f:
        for chrom in range(8):
            f.write(b">chr%d\n" % (chrom + 1))
            n = bases // 8 // 60 * 60
            text = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, n)].reshape(-1, 60)
            f.write(np.hstack([text, np.full((len(text), 1), 10, np.uint8)]).tobytes())


def intervals(genome, shuffled, path):
    rng = np.random.default_rng(1)
    names, sizes = zip(*[x for x in lengths(genome) if x[1] > a.width])
    sizes = np.array(sizes)
    chrom = rng.choice(len(sizes), a.intervals, p=sizes / sizes.sum())
    start = (rng.random(a.intervals) * (sizes[chrom] - a.width)).astype(int)
    strand = rng.integers(0, 2, a.intervals)
    order = rng.permutation(a.intervals) if shuffled else np.lexsort((start, chrom))
    with open(path, "w") as f:
        for n, i in enumerate(order):
            f.write(f"{names[chrom[i]]}\t{start[i]}\t{start[i] + a.width}\tr{n}\t{n % 2}\t{'+-'[strand[i]]}\n")


def run(command, out):
    """CPU seconds, wall seconds, peak memory in MB. By GNU time: a child of this process would count the memory of Python as its own."""
    told = os.path.join(work, "time")
    begin = time.time()
    with open(out, "wb") as f:
        timed = ["/usr/bin/time", "-o", told, "-f", "%U %S %M"] + command
        if subprocess.run(timed, stdout=f, stderr=subprocess.DEVNULL).returncode:
            sys.exit(f"failed: {' '.join(command)}")
    with open(told) as f:
        user, system, peak = f.read().split()
    return float(user) + float(system), time.time() - begin, int(peak) * 1024 / 1e6


def sequences(path):
    """Name and sequence of every record, in the order of names."""
    with open(path, "rb") as f:
        lines = f.read().split(b"\n")
    names = [x[1:].split(b" ")[0].split(b"(")[0] for x in lines[0:-1:2]]
    return sorted(zip(names, lines[1::2]))


try:
    genomes = [a.genome]
    if a.made_up:
        genomes.append(os.path.join(work, "made-up.fa"))
        made_up(genomes[1], a.made_up)
    print("| genome | order | to | threads | bedtools CPU s | ours CPU s | ratio | ours peak MB (file + 100) | ours wall s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for genome in genomes:
        fasta = os.path.join(work, "g.fa")
        shutil.copy(genome, fasta)
        # An index of the genome before would be refused by ours, and believed by bedtools.
        if os.path.exists(fasta + ".fai"):
            os.remove(fasta + ".fai")
        size = os.path.getsize(fasta) / 1e6
        for order in a.orders.split(","):
            bed, peer_out, our_out = (os.path.join(work, x) for x in ("r.bed", "peer.fa", "ours.fa"))
            intervals(fasta, order == "shuffled", bed)
            peer = ["bedtools", "getfasta", "-s", "-nameOnly", "-fi", fasta, "-bed", bed]
            ours = [a.lingo, "-q", "ingest", "--fasta", fasta, "--bed", bed, "--label-column", "5", "--part-overlaps", "--leakage", a.leakage]
            run(peer, peer_out)
            run(ours + ["--out", "-", "--format", "fa"], our_out)
            if sequences(peer_out) != sequences(our_out):
                sys.exit(f"{genome} {order}: not the same sequences")
            for to in a.to.split(","):
                for threads in a.threads.split(","):
                    seen = []
                    for _ in range(a.rounds):
                        own = ours + ["--threads", threads]
                        if to == "null":
                            pair = run(peer, "/dev/null"), run(own + ["--out", "-", "--format", "fa"], "/dev/null")
                        elif to == "disk":
                            pair = run(peer, peer_out), run(own + ["--out", our_out], "/dev/null")
                        else:
                            pair = run(peer, peer_out), run(own + ["--out", our_out + ".parquet"], "/dev/null")
                        seen.append(pair)
                    peer_cpu, our_cpu = (statistics.median(x[i][0] for x in seen) for i in (0, 1))
                    ratio = statistics.median(x[0][0] / x[1][0] for x in seen)
                    peak = max(x[1][2] for x in seen)
                    wall = statistics.median(x[1][1] for x in seen)
                    print(f"| {os.path.basename(genome)} | {order} | {to} | {threads} | {peer_cpu:.2f} | {our_cpu:.2f} | {ratio:.1f} | {peak:.0f} ({size + 100:.0f}) | {wall:.2f} |", flush=True)
finally:
    shutil.rmtree(work)
