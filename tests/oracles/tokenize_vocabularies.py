#!/usr/bin/env python3
"""Ids of transformers' tokenizers with the vocabularies of the Nucleotide Transformer and of DNABERT.

    python tests/oracles/tokenize_vocabularies.py

Writes crates/tokenize/tests/fixtures/vocabularies.json. The vocabularies (k-mers in the order A, T, C, G) are made by
the same rule in the test; EsmTokenizer runs as the published models configure it (`"eos_token": null`) and with its
own default, BertTokenizer over k-mers that DNABERT's seq2kmer made.
"""
import itertools, json, os, random, tempfile

from transformers import BertTokenizer, EsmTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "..", "..", "crates", "tokenize", "tests", "fixtures", "vocabularies.json")
rng = random.Random(23)
SEQUENCES = ["", "A", "ACGTA", "ACGTAC", "NNN", "ACGTACN", "NACGTACG", "ACGNTACGTACGTAAN"]
SEQUENCES += ["".join(rng.choices("ACGTN", [10, 10, 10, 10, w], k=90)) for w in (0, 0, 1, 4)]


def kmers(k):
    return ["".join(p) for p in itertools.product("ATCG", repeat=k)]


def nucleotide_transformer(k, **config):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "vocab.txt")
        with open(path, "w") as f:
            f.write("\n".join(["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>"] + kmers(k) + list("ATCGN")))
        t = EsmTokenizer(vocab_file=path, **config)
        return [{"sequence": s, "ids": t(s)["input_ids"]} for s in SEQUENCES]


def dnabert(k):
    vocab = {t: i for i, t in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + kmers(k))}
    t = BertTokenizer(vocab=vocab, do_lower_case=False)

    def split(s):  # DNABERT's seq2kmer
        return " ".join(s[i : i + k] for i in range(len(s) + 1 - k))

    return [{"sequence": s, "ids": t(split(s))["input_ids"]} for s in SEQUENCES]


out = {
    "nt": {k: nucleotide_transformer(k, eos_token=None) for k in (3, 6)},
    "nt_eos": {k: nucleotide_transformer(k) for k in (3, 6)},
    "dnabert": {k: dnabert(k) for k in (3, 6)},
}
with open(OUT, "w") as f:
    json.dump(out, f, separators=(",", ":"))
    f.write("\n")
