#!/usr/bin/env python3
"""The logits of a stem (or of motif_cnn) in Python: numpy and safetensors, nothing else.

    load_stem.py ADAPTER SEQUENCE [SEQUENCE ...]        one line of logits each

A stem's logits are added to the language model's, which Hugging Face PEFT computes from the same folder. Of a regression
a logit z stands for the value mean + deviation z, both of which are in lingo.json under targets.
"""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

COMPLEMENT = str.maketrans("ACGTUacgtu", "TGCAATGCAA")


class Stem:
    """The networks of motifs in an adapter folder."""

    def __init__(self, adapter):
        adapter = Path(adapter)
        described = json.loads((adapter / "lingo.json").read_text())
        self.both_strands = described.get("both_strands", False)
        settings = described.get("motifs") or described["method"]["motif_cnn"]
        self.bins = settings.get("bins", 1)
        self.second = settings.get("second")
        self.distance = settings.get("distance")
        self.width = settings["width"]
        self.two_classes = len(described["labels"].get("classes", [])) == 2 if isinstance(described["labels"], dict) else False
        if described.get("stem") is None:
            self.scale, folds = 1.0, [load_file(adapter / "motif_cnn.safetensors")]
        else:
            self.scale, tensors = described["stem"], load_file(adapter / "stem.safetensors")
            count = max(int(name.split(".")[1]) for name in tensors if name.startswith("fold."))
            folds = [
                {name.split(".", 2)[2]: v for name, v in tensors.items() if name.startswith(f"fold.{fold}.")}
                for fold in range(1, count + 1)
            ]
        self.folds = folds
        self.words = settings.get("words")
        if self.words is not None:
            self.weight, self.bias = tensors["words.weight"], tensors["words.bias"]
            self.tables = self._tables(int(tensors["words.bases"][0]))

    def logits(self, *sequences):
        """Logits of one sequence, or of a pair."""
        found = self._of(sequences)
        if self.both_strands:
            other = [s.translate(COMPLEMENT)[::-1] for s in sequences]
            found = (found + self._of(other)) / 2
        return found

    def _of(self, sequences):
        logits = np.mean([self._network(fold, sequences) for fold in self.folds], axis=0)
        logits = self.scale * logits
        return logits if self.words is None else logits + self._words(sequences)

    def _tables(self, bases):
        """For each length of words: the length, the first column, the word of each text, their count, places of a stretch."""
        tables, first = [], 0
        for group in self.words:
            every = group.get("every")
            for k in range(group["shortest"], group["longest"] + 1):
                words, new = {}, itertools.count()
                for word in map("".join, itertools.product("ACGT", repeat=k)):
                    other = word.translate(COMPLEMENT)[::-1] if group["both_strands"] else word
                    words[word] = words[other] if other < word else next(new)
                count = max(words.values()) + 1
                stretches = -(-max(bases + 1 - k, 0) // every) if every else 1
                tables.append((k, first, words, count, every, stretches))
                first += stretches * count
        self.columns = first
        return tables

    def _words(self, sequences):
        """The roots of the words' counts, times their weights."""
        counts = np.zeros(len(self.weight))
        for i, sequence in enumerate(sequences):
            sequence = sequence.upper().replace("U", "T")
            for k, first, words, count, every, stretches in self.tables:
                for start in range(len(sequence) - k + 1):
                    stretch = start // every if every else 0
                    word = words.get(sequence[start : start + k])
                    if word is not None and stretch < stretches:
                        counts[i * self.columns + first + stretch * count + word] += 1
        heads = np.sqrt(counts) @ self.weight + self.bias
        # Of two classes one number is told, half of it with either sign.
        return np.array([-heads[0] / 2, heads[0] / 2]) if self.two_classes and len(heads) == 1 else heads

    def _network(self, fold, sequences):
        features = np.concatenate([self._features(fold, s) for s in sequences])
        return features @ fold["head.weight"] + fold["head.bias"]

    def _features(self, fold, sequence):
        """The strongest answer above zero of each motif in each bin, [bins * filters], and those of a second convolution."""
        weight = fold["motifs.weight"].reshape(self.width, 4, -1)
        beside = self.width // 2
        hot = np.zeros((max(len(sequence) + 2 * beside, self.width), 4), np.float32)
        for i, base in enumerate(sequence.upper().replace("U", "T")):
            if base in "ACGT":
                hot[beside + i, "ACGT".index(base)] = 1
        places = len(hot) - self.width + 1
        scores = sum(hot[k : k + places] @ weight[k] for k in range(self.width)) + fold["motifs.bias"]
        if self.distance is not None:
            middle = np.abs(np.arange(places) - (places - 1) / 2).astype(int)
            rises = fold["motifs.distance"]
            scores = scores + rises[np.minimum(middle // self.distance["every"], len(rises) - 1)]
        best = self._strongest(scores, self.bins)
        if self.second is not None:
            best.append(self._second(fold, np.stack(self._strongest(scores, max(places // self.second["pool"], 1)))))
        return np.concatenate(best)

    @staticmethod
    def _strongest(scores, bins):
        """The largest score above zero of each filter in each of so many stretches."""
        bounds = [bin * len(scores) // bins for bin in range(bins + 1)]
        return [scores[a:b].max(0, initial=0) for a, b in zip(bounds, bounds[1:])]

    def _second(self, fold, rows):
        """The largest answer above zero of each filter of the second convolution over rows [stretches, filters]."""
        width, apart = self.second["width"], self.second["dilation"]
        weight = fold["second.weight"].reshape(-1, width, rows.shape[1])
        before = width // 2 * apart
        padded = np.pad(rows, ((before, (width - 1) * apart - before), (0, 0)))
        scores = sum(padded[k * apart : k * apart + len(rows)] @ weight[:, k].T for k in range(width)) + fold["second.bias"]
        return scores.max(0, initial=0)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    stem = Stem(sys.argv[1])
    for sequence in sys.argv[2:]:
        print(*stem.logits(sequence), sep="\t")
