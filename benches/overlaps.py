#!/usr/bin/env python3
"""Leakage by place: CPU seconds and memory of finding which of millions of overlapping intervals lie over those of another split.

    python benches/overlaps.py --lingo target/debug/lingo-pipe [--rows 5000000] [--bases 3000000000]

Intervals of 200 to 2,000 bases over a genome that is as long as it is said, generated and of one repeated line: only places matter here.
`--leakage exact` leaves likeness out; what the overlaps themselves take is the difference to `--leakage unexamined
--part-overlaps`, which reads, splits at random and writes the same rows without looking at places; what the audit's
reading of sequences takes is in it. Peak memory is that of the process, with --max-memory 4GB.
"""
import argparse, os, random, shutil, subprocess, tempfile

parser = argparse.ArgumentParser()
parser.add_argument("--lingo", default="lingo-pipe")
parser.add_argument("--rows", type=int, default=5_000_000)
parser.add_argument("--bases", type=int, default=3_000_000_000)
parser.add_argument("--chromosomes", type=int, default=24)
parser.add_argument("--work", help="where the files go; they are kept there")
a = parser.parse_args()
work = a.work or tempfile.mkdtemp()
os.makedirs(work, exist_ok=True)
fasta, bed = os.path.join(work, "g.fa"), os.path.join(work, "r.bed")
each = a.bases // a.chromosomes // 60 * 60
try:
    if not os.path.exists(bed):
        line = "".join(random.Random(1).choice("ACGT") for _ in range(60)) + "\n"
        block = line * 100_000
        with open(fasta, "w") as out:
            for i in range(a.chromosomes):
                out.write(f">chr{i + 1}\n")
                lines = each // 60
                for _ in range(lines // 100_000):
                    out.write(block)
                out.write(line * (lines % 100_000))
        rng = random.Random(2)
        with open(bed, "w") as out:
            for i in range(a.rows):
                start = rng.randrange(each - 2000)
                out.write(f"chr{rng.randrange(a.chromosomes) + 1}\t{start}\t{start + rng.randrange(200, 2001)}\t.\t{i % 2}\t{'+-'[i % 3 % 2]}\n")

    def run(*more):
        command = [a.lingo, "ingest", "--fasta", fasta, "--bed", bed, "--label-column", "5", "--max-memory", "4GB", "--out", "-", "--format", "tsv", *more]
        with open(os.devnull, "w") as null:
            process = subprocess.Popen(command, stdout=null, stderr=subprocess.PIPE, text=True)
            told = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(told)
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, told

    print(f"{a.rows} intervals over {each * a.chromosomes} bases")
    for name, more in (
        ("no audit, places not looked at", ("--leakage", "unexamined", "--part-overlaps")),
        ("no audit, overlapping rows kept together", ("--leakage", "unexamined")),
        ("audit with overlaps, rows parted", ("--leakage", "exact", "--part-overlaps")),
    ):
        cpu, peak, told = run(*more)
        print(f"{name}: {cpu:.1f} CPU s, peak {peak:.0f} MiB", flush=True)
        for line in told.splitlines():
            if "genome" in line:
                print("   ", line)
finally:
    if not a.work:
        shutil.rmtree(work)
