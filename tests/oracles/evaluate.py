"""Golden values for crates/evaluate: metrics by scikit-learn and SciPy, and linear models on dinucleotides and 6-mers.

python tests/oracles/evaluate.py   # writes crates/evaluate/tests/fixtures/*.json
"""

import json
import warnings
from pathlib import Path

import numpy as np
from scipy.special import expit, softmax
from scipy.stats import pearsonr, spearmanr
from sklearn import metrics as m
from sklearn.calibration import calibration_curve
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

warnings.simplefilter("ignore")
OUT = Path(__file__).resolve().parents[2] / "crates/evaluate/tests/fixtures"
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def number(call):
    """scikit-learn's answer; None where it is NaN or an error (undefined)."""
    try:
        value = float(call())
    except ValueError:
        return None
    return None if np.isnan(value) else value


BINS = 15


def calibration(y, p):
    """Expected calibration error and curve of probabilities that y is 1."""
    observed, predicted = calibration_curve(y, p, n_bins=BINS, strategy="uniform")
    places = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], p)
    n = np.bincount(places, minlength=BINS)
    n = n[n > 0]
    curve = [{"n": int(a), "predicted": float(b), "observed": float(c)} for a, b, c in zip(n, predicted, observed)]
    return float(np.average(np.abs(observed - predicted), weights=n)), curve


def best_threshold(y, p):
    """The highest MCC that any threshold gives (which of them is free), that of 0.5 where none is above 0."""
    at = [m.matthews_corrcoef(y, (p > t).astype(int)) for t in [0.5, *p]]
    return max(at) if max(at) > 1e-12 else at[0]


def classes(y, logits):
    k = logits.shape[1]
    p = softmax(logits.astype(np.float64), axis=1)
    said = p.argmax(1)
    every = list(range(k))
    onehot = (y[:, None] == np.arange(k)).astype(int)
    out = {
        "n": len(y),
        "mcc": number(lambda: m.matthews_corrcoef(y, said)),
        "accuracy": number(lambda: m.accuracy_score(y, said)),
        "f1_macro": number(lambda: m.f1_score(y, said, average="macro")),
        "precision": number(lambda: m.precision_score(y, said, average="macro")),
        "recall": number(lambda: m.recall_score(y, said, average="macro")),
    }
    if k == 2:
        out["auroc"] = number(lambda: m.roc_auc_score(y, p[:, 1]))
        out["auprc"] = number(lambda: m.average_precision_score(y, p[:, 1])) if (y == 1).any() else None
        out["brier"] = number(lambda: m.brier_score_loss(y, p[:, 1], pos_label=1))
        out["ece"], out["calibration"] = calibration(y, p[:, 1])
        out["best_mcc"] = best_threshold(y, p[:, 1])
    else:
        out["ece"], out["calibration"] = calibration((said == y).astype(int), p.max(1))
        complete = len(set(y)) == k
        out["auroc"] = number(lambda: m.roc_auc_score(y, p, multi_class="ovr", labels=every)) if complete else None
        # scikit-learn warns and answers 0 for a class without a positive: undefined here.
        out["auprc"] = number(lambda: m.average_precision_score(onehot, p, average="macro")) if complete else None
        out["brier"] = number(lambda: m.brier_score_loss(y, p, labels=every))
    out["confusion_matrix"] = m.confusion_matrix(y, said, labels=every).tolist()
    return out


def labels(y, logits):
    p = expit(logits.astype(np.float64))
    said = (p > 0.5).astype(int)
    columns = range(y.shape[1])
    both = [c for c in columns if len(set(y[:, c])) == 2]
    there = [c for c in columns if y[:, c].any()]
    mean = lambda of, over: float(np.mean([of(c) for c in over])) if over else None
    macro = dict(average="macro", zero_division=np.nan)
    per_label = dict(average=None, zero_division=np.nan)
    scores = {
        "f1_macro": lambda **kind: m.f1_score(y, said, **kind),
        "precision": lambda **kind: m.precision_score(y, said, **kind),
        "recall": lambda **kind: m.recall_score(y, said, **kind),
    }
    return {
        "n": len(y),
        "mcc": mean(lambda c: m.matthews_corrcoef(y[:, c], said[:, c]), both),
        "accuracy": number(lambda: m.accuracy_score(y, said)),
        **{name: number(lambda: of(**macro)) for name, of in scores.items()},
        "auroc": mean(lambda c: m.roc_auc_score(y[:, c], p[:, c]), both),
        "auprc": mean(lambda c: m.average_precision_score(y[:, c], p[:, c]), there),
        "brier": number(lambda: np.mean([m.brier_score_loss(y[:, c], p[:, c], pos_label=1) for c in columns])),
        "ece": mean(lambda c: calibration(y[:, c], p[:, c])[0], columns),
        "calibration": calibration(y.ravel(), p.ravel())[1],
        "per_class": m.multilabel_confusion_matrix(y, said).tolist(),
        "labels_defined": {
            "mcc": len(both),
            "auroc": len(both),
            "auprc": len(there),
            **{name: int(np.sum(~np.isnan(of(**per_label)))) for name, of in scores.items()},
        },
        "best_mcc": mean(lambda c: best_threshold(y[:, c], p[:, c]), both),
    }


def values(y, said):
    return {
        "n": len(y),
        "mse": number(lambda: m.mean_squared_error(y, said)),
        "rmse": number(lambda: m.root_mean_squared_error(y, said)),
        "mae": number(lambda: m.mean_absolute_error(y, said)),
        "r2": number(lambda: m.r2_score(y, said)),
        "pearson": number(lambda: pearsonr(y, said)[0]),
        "spearman": number(lambda: spearmanr(y, said)[0]),
    }


def case(name, kind, width, truth, logits, expected):
    return {
        "name": name,
        "kind": kind,
        "width": width,
        "truth": truth.tolist(),
        "logits": [[float(x) for x in row] for row in np.atleast_2d(logits)],
        "expected": expected,
    }


def metric_cases():
    rng = np.random.default_rng(20260101)
    cases = []

    def add_classes(name, y, logits):
        y, logits = np.asarray(y), np.asarray(logits, dtype=np.float32)
        cases.append(case(name, "classes", logits.shape[1], y, logits, classes(y, logits)))

    def add_labels(name, y, logits):
        y, logits = np.asarray(y), np.asarray(logits, dtype=np.float32)
        cases.append(case(name, "labels", logits.shape[1], y, logits, labels(y, logits)))

    def add_values(name, y, said):
        y, said = np.asarray(y, dtype=np.float32), np.asarray(said, dtype=np.float32)
        wide = values(y.astype(np.float64), said.astype(np.float64))
        cases.append(case(name, "values", 1, y.astype(np.float64), said[:, None], wide))

    add_classes("perfect", [0, 1, 0, 1], [[2, -2], [-2, 2], [1, -1], [-1, 1]])
    add_classes("all wrong", [1, 0, 1, 0], [[2, -2], [-2, 2], [1, -1], [-1, 1]])
    add_classes("constant predictions", [0, 1, 0, 1, 1], [[0.5, 1.5]] * 5)
    add_classes("all logits equal: argmax takes the first", [0, 1, 0, 1, 1], [[0.25, 0.25]] * 5)
    add_classes("only negatives in the truth", [0, 0, 0], [[1, 0], [0, 1], [2, 0]])
    add_classes("only positives in the truth", [1, 1, 1], [[1, 0], [0, 1], [2, 0]])
    add_classes("saturated logits", [0, 1, 1, 0], [[400, -400], [-400, 400], [300, -300], [-50, 60]])
    add_classes("a class missing from the truth", [0, 1, 1, 0], [[1, 0, 2], [0, 1, 0], [0, 3, 1], [2, 1, 0]])
    add_classes("a class missing from truth and predictions", [0, 1, 1, 0], [[1, 0, -2], [0, 1, -1], [3, 0, 1], [2, 1, 0]])
    add_classes("one row", [1], [[0.1, 0.3]])
    for i in range(20):
        k = int(rng.choice([2, 2, 2, 3, 4, 9]))
        n = int(rng.integers(12, 45))
        y = rng.integers(0, k, n)
        if i % 3 == 0:  # unbalanced
            y = np.where(rng.random(n) < 0.8, 0, y)
        logits = rng.normal(size=(n, k)) + 1.2 * (y[:, None] == np.arange(k))
        if i % 2 == 0:  # ties
            logits = np.round(logits, 0)
        add_classes(f"random classes {i}", y, np.round(logits, 3))
    add_labels("a label that never holds", [[0, 1], [0, 0], [0, 1]], [[1, 1], [-1, -1], [-1, 2]])
    add_labels("a label that is never predicted", [[1, 1], [0, 0], [0, 1]], [[-1, 1], [-1, -1], [-1, 2]])
    add_labels("a logit of zero is no", [[1, 1], [0, 0]], [[0, 0], [0, 0]])
    for i in range(10):
        k, n = int(rng.integers(2, 5)), int(rng.integers(10, 30))
        y = (rng.random((n, k)) < 0.4).astype(int)
        logits = rng.normal(size=(n, k)) + 1.5 * y - 0.5
        add_labels(f"random labels {i}", y, np.round(logits, 0 if i % 2 else 3))
    add_values("a constant prediction", [1, 2, 3], [2, 2, 2])
    add_values("a constant truth", [2, 2, 2], [1, 2, 3])
    add_values("a constant truth that is met", [2, 2, 2], [2, 2, 2])
    add_values("one row", [1], [2])
    for i in range(8):
        n = int(rng.integers(5, 40))
        y = rng.normal(size=n) * 3
        said = y + rng.normal(size=n) * (i + 0.2)
        digits = 0 if i % 2 else 3
        add_values(f"random values {i}", np.round(y, digits), np.round(said, digits))
    return cases


def dinucleotides(sequence):
    letters = "ACGT"
    counts = np.zeros(16)
    for a, b in zip(sequence, sequence[1:]):
        if a in letters and b in letters:
            counts[4 * letters.index(a) + letters.index(b)] += 1
    return counts


def floor_case(name, k, n, seed):
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        y = int(rng.integers(0, k))
        bias = np.array([1, 1 + 0.5 * y, 1 + 0.4 * y * (k - y), 1.0])
        sequence = "".join(rng.choice(list("ACGT"), size=int(rng.integers(20, 40)), p=bias / bias.sum()))
        if i % 10 == 0:
            sequence = sequence[:5] + "N" + sequence[6:]
        split = ["train", "train", "train", "dev", "test"][i % 5]
        rows.append((split, sequence, y))
    x = {s: np.array([dinucleotides(q) for t, q, _ in rows if t == s]) for s in ("train", "dev", "test")}
    y = {s: np.array([c for t, _, c in rows if t == s]) for s in ("train", "dev", "test")}
    scaler = StandardScaler().fit(x["train"])
    x = {s: scaler.transform(v) for s, v in x.items()}
    default = LogisticRegression(max_iter=1000).fit(x["train"], y["train"])
    exact = LogisticRegression(tol=1e-13, max_iter=100_000).fit(x["train"], y["train"])
    ridge = Ridge(alpha=1.0).fit(x["train"], y["train"].astype(float))
    return {
        "name": name,
        "classes": k,
        "rows": rows,
        "probabilities": exact.predict_proba(x["test"]).tolist(),
        "mcc": {s: m.matthews_corrcoef(y[s], default.predict(x[s])) for s in ("dev", "test")},
        "log_loss": {s: m.log_loss(y[s], exact.predict_proba(x[s]), labels=list(range(k))) for s in ("dev", "test")},
        "ridge": ridge.predict(x["test"]).tolist(),
        "ridge_mse": {s: m.mean_squared_error(y[s], ridge.predict(x[s])) for s in ("dev", "test")},
    }


def kmer_rows(k, n, seed):
    """Rows in whose sequences a word of each class is hidden now and then, on either strand."""
    rng = np.random.default_rng(seed)
    words, rows = ["GATTACA", "CCGGTTAA", "TTTGCATG", "ACACGTGT"], []
    for i in range(n):
        y = int(rng.integers(0, k))
        sequence = "".join(rng.choice(list("ACGT"), size=int(rng.integers(40, 60))))
        if rng.random() < 0.8:
            word = words[y]
            if rng.random() < 0.5:
                word = word.translate(COMPLEMENT)[::-1]
            at = int(rng.integers(0, len(sequence) - len(word)))
            sequence = sequence[:at] + word + sequence[at + len(word) :]
        if i % 10 == 0:
            sequence = sequence[:5] + "N" + sequence[6:]
        rows.append((["train", "train", "train", "dev", "test"][i % 5], sequence, y))
    return rows


def kmer_words(sequence, both):
    found = []
    for i in range(len(sequence) - 5):
        word = sequence[i : i + 6]
        if "N" not in word:
            found.append(min(word, word.translate(COMPLEMENT)[::-1]) if both else word)
    return found


def brier(y, p):
    return m.brier_score_loss(y, p[:, 1]) if p.shape[1] == 2 else float(((p - np.eye(p.shape[1])[y]) ** 2).sum(1).mean())


def kmer_case(name, k, n, seed, both):
    """Linear models on 6-mer counts, the penalty chosen on dev by the log loss (values: the squared error)."""
    rows = kmer_rows(k, n, seed)
    splits = ("train", "dev", "test")
    texts = {s: [q for t, q, _ in rows if t == s] for s in splits}
    y = {s: np.array([c for t, _, c in rows if t == s]) for s in splits}
    count = CountVectorizer(analyzer=lambda q: kmer_words(q, both)).fit(texts["train"])
    scaler = StandardScaler(with_mean=False).fit(count.transform(texts["train"]))
    x = {s: scaler.transform(count.transform(texts[s])) for s in splits}
    strengths = (1e-4, 1e-3, 1e-2, 1e-1)
    fits = [LogisticRegression(C=c, tol=1e-12, max_iter=100_000).fit(x["train"], y["train"]) for c in strengths]
    losses = [m.log_loss(y["dev"], f.predict_proba(x["dev"]), labels=list(range(k))) for f in fits]
    best = int(np.argmin(losses))
    ridges = [Ridge(alpha=1 / c).fit(x["train"].toarray(), y["train"].astype(float)) for c in strengths]
    errors = [m.mean_squared_error(y["dev"], r.predict(x["dev"].toarray())) for r in ridges]
    return {
        "name": name,
        "classes": k,
        "both": both,
        "rows": rows,
        "strength": strengths[best],
        "mcc": {s: m.matthews_corrcoef(y[s], fits[best].predict(x[s])) for s in ("dev", "test")},
        "brier": {s: brier(y[s], fits[best].predict_proba(x[s])) for s in ("dev", "test")},
        "ridge_strength": strengths[int(np.argmin(errors))],
        "ridge_mse": {s: m.mean_squared_error(y[s], ridges[int(np.argmin(errors))].predict(x[s].toarray())) for s in ("dev", "test")},
    }


def write(name, value):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    write("metrics.json", metric_cases())
    write("floor.json", [floor_case("two classes", 2, 250, 1), floor_case("four classes", 4, 300, 2)])
    write(
        "kmers.json",
        [
            kmer_case("two classes", 2, 400, 3, False),
            kmer_case("two classes, both strands", 2, 400, 3, True),
            kmer_case("four classes, both strands", 4, 600, 4, True),
        ],
    )
