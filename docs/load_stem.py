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
        self.residual = settings.get("residual")
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
        self.kernel = Kernel(tensors, settings["kernel"]) if settings.get("kernel") else None

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
        if self.words is not None:
            logits = logits + self._spread(self._words(sequences))
        if self.kernel is not None:
            logits = logits + self._spread(self.kernel.heads(sequences))
        return logits

    def _spread(self, heads):
        """Of two classes one number is told, half of it with either sign."""
        return np.array([-heads[0] / 2, heads[0] / 2]) if self.two_classes and len(heads) == 1 else heads

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
        return np.sqrt(counts) @ self.weight + self.bias

    def _network(self, fold, sequences):
        features = np.concatenate([self._features(fold, s) for s in sequences])
        return features @ fold["head.weight"] + fold["head.bias"]

    def _features(self, fold, sequence):
        """The strongest answer above zero of each motif in each bin, [bins * filters], and those of further convolutions."""
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
        if self.residual is not None:
            best.append(self._residual(fold, np.stack(self._strongest(scores, max(places // self.residual["pool"], 1)))))
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

    @staticmethod
    def _residual(fold, rows):
        """The largest answer above zero of each filter of the last of the residual convolutions over rows [stretches, filters]."""
        h = rows @ fold["residual.enter.weight"] + fold["residual.enter.bias"]
        for layer, (weight, bias) in enumerate(zip(fold["residual.weight"], fold["residual.bias"])):
            width, apart = len(weight), 2**layer
            before = width // 2 * apart
            padded = np.pad(h, ((before, (width - 1) * apart - before), (0, 0)))
            h = h + np.maximum(sum(padded[k * apart : k * apart + len(h)] @ weight[k] for k in range(width)) + bias, 0)
        return h.max(0, initial=0)


class Kernel:
    """A kernel machine on words: each row that it is made of adds its weight times e^(2 (likeness - 1))."""

    def __init__(self, tensors, settings):
        self.both_strands = settings["both_strands"]
        packed, self.alpha, self.means = (tensors[f"kernel.{name}"] for name in ("sequences", "alpha", "means"))
        # Ten bases in a value, to base 5; 4 is none of A, C, G, T.
        digits = packed.astype(np.int64)[..., None] // 5 ** np.arange(10) % 5
        rows = digits.reshape(*packed.shape[:2], -1)
        self.short = self._short(rows)
        # Each longer word of each row once, those of one word together, with its count.
        self.long = [self._counts(self._long(rows, gap)) for gap in range(5)]
        self.lengths = self._lengths(self.long, len(rows))

    def _words(self, rows, length, gap=0):
        """The number of each word of `length` bases, `gap` bases left out in its middle, [rows, sequences, places]; -1 where a letter is no base."""
        places = [i + gap * (2 * i >= length) for i in range(length)] if gap else range(length)
        count = max(rows.shape[2] - length - gap + 1, 0)
        letters = np.stack([rows[:, :, place : place + count] for place in places], axis=-1)
        powers = 4 ** np.arange(length)
        words = letters @ powers[::-1]
        if self.both_strands:
            words = np.minimum(words, (3 - letters) @ powers)
        return np.where((letters < 4).all(-1), words, -1)

    def _short(self, rows):
        """The roots of the counts of 3 to 5 bases, less their means, each length of length 1; columns as in the means."""
        blocks, first = [], 0
        for k in (3, 4, 5):
            words = self._words(rows, k)
            every = np.array(list(itertools.product(range(4), repeat=k)))
            columns = np.unique(self._words(every[None], k))
            counts = [(words[:, s] == column).sum(1) for s in range(words.shape[1]) for column in columns]
            block = np.sqrt(np.stack(counts, axis=1))
            block -= self.means[first : first + block.shape[1]]
            first += block.shape[1]
            norms = np.linalg.norm(block, axis=1, keepdims=True)
            blocks.append(block / np.where(norms > 0, norms, 1))
        return np.concatenate(blocks, axis=1)

    def _long(self, rows, gap):
        """Words of four and four bases, those of the second sequence of a pair by themselves."""
        words = self._words(rows, 8, gap)
        return np.where(words >= 0, words + 4**8 * np.arange(words.shape[1])[:, None], -1).reshape(len(rows), -1)

    @staticmethod
    def _counts(words):
        """(word, row, count), by word and row."""
        row, place = np.nonzero(words >= 0)
        keys, counts = np.unique(words[row, place] * len(words) + row, return_counts=True)
        return keys // len(words), keys % len(words), counts

    @staticmethod
    def _lengths(counted, rows):
        """The squared lengths of the vectors of words without and with a gap: the squares of roots of counts are the counts."""
        found = [np.bincount(row, count, minlength=rows) for _, row, count in counted]
        return found[0], sum(found[1:])

    def heads(self, sequences):
        letters = [["ACGT".find(base) % 5 for base in s.upper().replace("U", "T")] for s in sequences]
        longest = max(map(len, letters))
        asked = np.array([[row + [4] * (longest - len(row)) for row in letters]])
        rows = len(self.alpha)
        likeness = self.short @ self._short(asked)[0] / 6
        of_asked = [self._counts(self._long(asked, gap)) for gap in range(5)]
        lengths = self._lengths(of_asked, 1)
        for gap, (own, counted) in enumerate(zip(self.long, of_asked)):
            with_gap = int(gap > 0)
            products = np.zeros(rows)
            for word, _, count in zip(*counted):
                a, b = np.searchsorted(own[0], [word, word + 1])
                products[own[1][a:b]] += np.sqrt(count * own[2][a:b])
            lengths_of_pair = np.sqrt(self.lengths[with_gap] * lengths[with_gap][0])
            likeness += [1 / 6, 2 / 6][with_gap] * products / np.where(lengths_of_pair > 0, lengths_of_pair, 1)
        return np.exp(2 * (likeness - 1)) @ self.alpha


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    stem = Stem(sys.argv[1])
    for sequence in sys.argv[2:]:
        print(*stem.logits(sequence), sep="\t")
