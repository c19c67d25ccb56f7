#!/usr/bin/env python3
"""Golden values of the kernel machine on words: kernels from counts in plain Python, weights from numpy's solver.

    python tests/oracles/adapt_kernel.py

Writes crates/adapt/tests/fixtures/kernel.json.
"""

import json
import random
from collections import Counter

import numpy as np

COMPLEMENT = str.maketrans("ACGT", "TGCA")
RIDGE, GAMMA = 0.7, 2.0


def words(row, pattern, both_strands):
    """How often the letters at the 1s of a pattern stand in a row."""
    found = Counter()
    for start in range(len(row) - len(pattern) + 1):
        word = "".join(letter for letter, kept in zip(row[start:], pattern) if kept == "1")
        if set(word) <= set("ACGT"):
            found[min(word, word.translate(COMPLEMENT)[::-1]) if both_strands else word] += 1
    return found


def unit(block):
    norms = np.linalg.norm(block, axis=1, keepdims=True)
    return block / np.where(norms > 0, norms, 1)


def roots(rows, patterns, both_strands):
    """The roots of the counts of every word that stands anywhere, patterns side by side."""
    counted = [{(p, w): n for p in patterns for w, n in words(row, p, both_strands).items()} for row in rows]
    columns = {word: i for i, word in enumerate(sorted(set().union(*counted)))}
    found = np.zeros((len(rows), len(columns)))
    for i, row in enumerate(counted):
        for word, count in row.items():
            found[i, columns[word]] = count**0.5
    return found


def kernels(rows, others, both_strands):
    """The kernels of `others` and of `rows` with `rows`, over which means are made."""
    both, n = rows + others, len(rows)
    likeness = 0
    for k in (3, 4, 5):
        block = roots(both, ["1" * k], both_strands)
        block = unit(block - block[:n].mean(0))
        likeness = likeness + block @ block[:n].T / 6
    block = unit(roots(both, ["1" * 8], both_strands))
    likeness = likeness + block @ block[:n].T / 6
    block = unit(roots(both, ["1111" + "0" * gap + "1111" for gap in (1, 2, 3, 4)], both_strands))
    likeness = likeness + block @ block[:n].T * 2 / 6
    found = np.exp(GAMMA * (likeness - 1))
    return found[n:], found[:n]


draw = random.Random(8)
text = lambda: "".join(draw.choice("ACGT") for _ in range(draw.randint(30, 40)))
rows, others = [text() for _ in range(40)], [text() for _ in range(12)]
for some in (rows, others):
    for i in range(1, len(some), 3):
        at = draw.randrange(len(some[i]) - 10)
        some[i] = some[i][:at] + "GATTACAGCA" + some[i][at + 10 :]
    some[4] = some[4][:9] + "N" + some[4][10:]
labels = [int(("GATTACA" in row) ^ (draw.random() < 0.1)) for row in rows]
of_others, of_rows = kernels(rows, others, True)
signs = 2 * np.array(labels) - 1
half = len(rows) // 2
seen = of_rows[half:, half:]
golden = {
    "sequences": rows,
    "others": others,
    "labels": labels,
    "kernels": of_others.tolist(),
    "kernels_of_one_strand": kernels(rows, others, False)[0].tolist(),
    "answers": (of_others @ np.linalg.solve(of_rows + RIDGE * np.eye(len(rows)), signs)).tolist(),
    "answers_of_half": (of_others[:, half:] @ np.linalg.solve(seen + RIDGE * np.eye(len(seen)), signs[half:])).tolist(),
}
with open("crates/adapt/tests/fixtures/kernel.json", "w") as file:
    json.dump(golden, file)
    file.write("\n")
