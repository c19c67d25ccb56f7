#!/usr/bin/env python3
"""The peers of benches/tokenizer_speed.py, one piece of work a process: CPU and wall seconds, peak MiB, as one JSON object.

    tokenizers_of_others.py encode TOKENIZER.json LINES     tokenizers' encode_batch
    tokenizers_of_others.py kmers  K LINES                  DNABERT's seq2kmer, and a dictionary
    tokenizers_of_others.py train  VOCAB_SIZE LINES OUT     tokenizers' BpeTrainer
    tokenizers_of_others.py table  TOKENIZER.json FASTA BED OUT.parquet     pyfaidx, tokenizers, pyarrow
"""
import itertools, json, resource, sys, time


def cpu():
    t = resource.getrusage(resource.RUSAGE_SELF)
    return t.ru_utime + t.ru_stime


def measured(work):
    c, w = cpu(), time.perf_counter()
    result = work()
    return result, {"cpu": cpu() - c, "wall": time.perf_counter() - w}


def lines(path):
    with open(path) as f:
        return f.read().splitlines()


def encode(path, texts):
    from tokenizers import Tokenizer

    t, texts = Tokenizer.from_file(path), lines(texts)
    found, report = measured(lambda: t.encode_batch(texts, add_special_tokens=False))
    # Our ids begin behind the five special tokens.
    return report | {"tokens": sum(len(e.ids) for e in found), "sum": sum(sum(e.ids) - 5 * len(e.ids) for e in found)}


def kmers(k, texts):
    k, texts = int(k), lines(texts)
    vocab = {"".join(p): i for i, p in enumerate(itertools.product("ACGT", repeat=k))}
    unknown = len(vocab)

    def seq2kmer(seq, k):  # DNABERT's own
        kmer = [seq[x : x + k] for x in range(len(seq) + 1 - k)]
        return " ".join(kmer)

    found, report = measured(lambda: [[vocab.get(w, unknown) for w in seq2kmer(s, k).split()] for s in texts])
    return report | {"tokens": sum(map(len, found)), "sum": sum(map(sum, found))}


def train(size, texts, out):
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    t = Tokenizer(models.BPE(unk_token="[UNK]"))
    t.pre_tokenizer = pre_tokenizers.Split(Regex("[ACGT]+|."), "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=int(size), special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        initial_alphabet=list("ACGNT"), show_progress=False)
    # From the file, a line at a time: no list of them in Python's memory.
    _, report = measured(lambda: t.train_from_iterator((l.rstrip("\n") for l in open(texts)), trainer))
    t.save(out)
    return report


def table(path, fasta, bed, out):
    from tokenizers import Tokenizer
    import pyarrow as pa, pyarrow.parquet as pq, pyfaidx

    def work():
        t, g = Tokenizer.from_file(path), pyfaidx.Fasta(fasta, as_raw=True, sequence_always_upper=True)
        rows = [l.rstrip("\n").split("\t") for l in open(bed)]
        texts = [g[r[0]][int(r[1]) : int(r[2])] for r in rows]
        ids = [e.ids for e in t.encode_batch(texts)]
        columns = {"id": [r[3] for r in rows], "label": [int(r[4]) for r in rows],
                   "input_ids": pa.array(ids, pa.list_(pa.uint32())), "length": [len(i) for i in ids]}
        pq.write_table(pa.table(columns), out, compression="zstd")
        return ids

    ids, report = measured(work)
    return report | {"tokens": sum(map(len, ids))}


report = {f.__name__: f for f in (encode, kmers, train, table)}[sys.argv[1]](*sys.argv[2:])
# Not ru_maxrss, which begins with the size of the process that started this one.
report["peak_mib"] = next(int(l.split()[1]) / 1024 for l in open("/proc/self/status") if l.startswith("VmHWM"))
print(json.dumps(report))
