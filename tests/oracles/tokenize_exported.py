#!/usr/bin/env python3
"""Loads the exported tokenizer.json files of crates/tokenize in Python and writes the ids that it finds.

    LINGO_BLESS=1 cargo test -p lingo-tokenize --test exported exports     # the exports, when they changed
    python tests/oracles/tokenize_exported.py
"""
import json, os, random

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "..", "..", "crates", "tokenize", "tests", "fixtures", "exported")
rng = random.Random(11)
SEQUENCES = ["", "A", "AC", "ACG", "acgtu", "NNN", "ACNGTACNNNGTA", "RYACGTXacg", "GATTACA" * 5]
SEQUENCES += ["".join(rng.choices("ACGTN", [10, 10, 10, 10, w], k=60)) for w in (0, 0, 1, 10)]


def main():
    expected = {}
    for name in sorted(os.listdir(FOLDER)):
        if name == "expected.json":
            continue
        scheme = name.removesuffix(".json").replace("-", ":")
        path = os.path.join(FOLDER, name)
        plain, wrapped = Tokenizer.from_file(path), PreTrainedTokenizerFast(tokenizer_file=path)
        overlap = int(scheme.split(":")[1]) if scheme.endswith(":1") else 0
        cases = []
        for s in SEQUENCES:
            text = " ".join(s[i : i + overlap] for i in range(len(s) + 1 - overlap)) if overlap else s
            ids = plain.encode(text).ids
            assert wrapped(text)["input_ids"] == ids
            cases.append({"sequence": s, "text": text, "ids": ids})
        expected[scheme] = cases
    with open(os.path.join(FOLDER, "expected.json"), "w") as f:
        json.dump(expected, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
