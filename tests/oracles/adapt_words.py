#!/usr/bin/env python3
"""Golden values of the linear model on words: scikit-learn's logistic regression on the roots of k-mer counts.

    python tests/oracles/adapt_words.py

Writes crates/adapt/tests/fixtures/words.json.
"""

import itertools
import json
import random

import numpy as np
from sklearn.linear_model import LogisticRegression

COMPLEMENT = str.maketrans("ACGT", "TGCA")
draw = random.Random(5)
rows = ["".join(draw.choice("ACGT") for _ in range(20)) for _ in range(80)]
labels = [int(("CG" in row) ^ (draw.random() < 0.1)) for row in rows]
columns, new = {}, itertools.count()
for k in (2, 3):
    for word in map("".join, itertools.product("ACGT", repeat=k)):
        other = word.translate(COMPLEMENT)[::-1]
        columns[word] = columns[other] if other < word else next(new)
counts = np.zeros((len(rows), max(columns.values()) + 1))
for i, row in enumerate(rows):
    for k in (2, 3):
        for start in range(len(row) - k + 1):
            counts[i, columns[row[start : start + k]]] += 1
found = {}
for weight in (0.01, 0.1):
    model = LogisticRegression(C=weight, tol=1e-10, max_iter=10_000).fit(np.sqrt(counts), labels)
    found[str(weight)] = model.decision_function(np.sqrt(counts)).tolist()
with open("crates/adapt/tests/fixtures/words.json", "w") as file:
    json.dump({"sequences": rows, "labels": labels, "logits": found}, file)
    file.write("\n")
