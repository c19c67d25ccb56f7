"""Golden values for bootstrap intervals (crates/evaluate/src/bootstrap): SciPy's percentile intervals over rows.

Draws differ, so each bound comes with its spread over SciPy's own seeds.

python tests/oracles/evaluate_bootstrap.py   # writes crates/evaluate/tests/fixtures/bootstrap.json
"""

import json
import warnings
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.special import expit, softmax
from sklearn import metrics as m
from sklearn.calibration import calibration_curve

warnings.simplefilter("ignore")
OUT = Path(__file__).resolve().parents[2] / "crates/evaluate/tests/fixtures/bootstrap.json"
SEEDS, RESAMPLES, BINS = 5, 400, 15


def ece(y, p):
    observed, predicted = calibration_curve(y, p, n_bins=BINS, strategy="uniform")
    n = np.bincount(np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], p), minlength=BINS)
    return np.average(np.abs(observed - predicted), weights=n[n > 0])


def of_classes(y, logits):
    p = softmax(logits.astype(np.float64), axis=1)
    two = p.shape[1] == 2
    every = list(range(p.shape[1]))
    onehot = (y[:, None] == np.arange(p.shape[1])).astype(int)
    said = p.argmax(1)
    return {
        "mcc": lambda i: m.matthews_corrcoef(y[i], said[i]),
        "accuracy": lambda i: m.accuracy_score(y[i], said[i]),
        "f1_macro": lambda i: m.f1_score(y[i], said[i], average="macro"),
        "auroc": lambda i: m.roc_auc_score(y[i], p[i, 1]) if two else m.roc_auc_score(y[i], p[i], multi_class="ovr", labels=every),
        "auprc": lambda i: m.average_precision_score(y[i], p[i, 1]) if two else m.average_precision_score(onehot[i], p[i], average="macro"),
        "brier": lambda i: m.brier_score_loss(y[i], p[i, 1]) if two else m.brier_score_loss(y[i], p[i], labels=every),
        "ece": lambda i: ece(y[i], p[i, 1]) if two else ece((said[i] == y[i]).astype(int), p[i].max(1)),
    }


def of_labels(y, logits):
    p = expit(logits.astype(np.float64))
    said = (p > 0.5).astype(int)
    columns = range(y.shape[1])
    both = lambda i: [c for c in columns if len(set(y[i, c])) == 2]
    return {
        "mcc": lambda i: np.mean([m.matthews_corrcoef(y[i, c], said[i, c]) for c in both(i)]),
        "accuracy": lambda i: m.accuracy_score(y[i], said[i]),
        "f1_macro": lambda i: m.f1_score(y[i], said[i], average="macro", zero_division=np.nan),
        "auroc": lambda i: np.mean([m.roc_auc_score(y[i, c], p[i, c]) for c in both(i)]),
        "auprc": lambda i: np.mean([m.average_precision_score(y[i, c], p[i, c]) for c in both(i)]),
        "brier": lambda i: np.mean((p[i] - y[i]) ** 2),
        "ece": lambda i: np.mean([ece(y[i, c], p[i, c]) for c in columns]),
    }


def of_values(y, logits):
    said = logits[:, 0].astype(np.float64)
    return {
        "rmse": lambda i: m.root_mean_squared_error(y[i], said[i]),
        "r2": lambda i: m.r2_score(y[i], said[i]),
        "pearson": lambda i: stats.pearsonr(y[i], said[i])[0],
        "spearman": lambda i: stats.spearmanr(y[i], said[i])[0],
    }


def bounds(metric, rows):
    found = [
        stats.bootstrap(
            (np.arange(rows),), metric, n_resamples=RESAMPLES, method="percentile", vectorized=False,
            rng=np.random.default_rng(seed),
        ).confidence_interval
        for seed in range(SEEDS)
    ]
    found = np.array([[low, high] for low, high in found])
    return {"mean": found.mean(0).tolist(), "deviation": found.std(0, ddof=1).tolist()}


def case(name, kind, y, logits, metrics):
    return {
        "name": name,
        "kind": kind,
        "width": logits.shape[1],
        "truth": y.tolist(),
        "logits": [[float(x) for x in row] for row in logits],
        "intervals": {metric: bounds(of, len(y)) for metric, of in metrics(y, logits).items()},
    }


if __name__ == "__main__":
    rng = np.random.default_rng(20261129)
    narrow = lambda x, digits: np.round(x, digits).astype(np.float32)
    y = (rng.random(150) < 0.4).astype(int)
    two = narrow(np.stack([np.zeros(150), rng.normal(size=150) + 1.6 * y - 0.8], 1), 1)
    k = rng.integers(0, 3, 120)
    three = narrow(rng.normal(size=(120, 3)) + 1.3 * (k[:, None] == np.arange(3)), 2)
    # Labels that go together: drawing them apart would make the interval of their mean too narrow.
    shared = rng.random((120, 1)) < 0.3
    flags = (shared ^ (rng.random((120, 4)) < 0.1)).astype(int)
    several = narrow(rng.normal(size=(120, 1)) + 1.8 * flags - 1 + 0.3 * rng.normal(size=(120, 4)), 2)
    v = narrow(rng.normal(size=100) * 2 + 7, 1).astype(np.float64)
    said = narrow(v + rng.normal(size=100) * 1.5, 1)[:, None]
    golden = [
        case("two classes with ties", "classes", y, two, of_classes),
        case("three classes", "classes", k, three, of_classes),
        case("labels that go together", "labels", flags, several, of_labels),
        case("values with ties", "values", v, said, of_values),
    ]
    OUT.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
