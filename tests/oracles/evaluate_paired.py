"""Golden values for paired differences (crates/evaluate/src/paired), by SciPy.

python tests/oracles/evaluate_paired.py   # writes crates/evaluate/tests/fixtures/paired.json
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats

OUT = Path(__file__).resolve().parents[2] / "crates/evaluate/tests/fixtures/paired.json"
SEEDS = 50


def mean(x, axis=-1):
    return np.mean(x, axis=axis)


def samples():
    rng = np.random.default_rng(20261128)
    # Values on a grid of 1/1024: their sums are exact, so that ties are ties whatever the order.
    grid = lambda x: np.round(np.asarray(x) * 1024) / 1024
    yield "three, one behind", grid([0.02, -0.01, 0.05])
    yield "three, all ahead", grid([0.02, 0.01, 0.05])
    yield "ties", np.array([1, 1, 1, 2, 2, -1, 0, 0]) / 64
    yield "a mean of zero", np.array([1, -1, 2, -2, 3, -3]) / 64
    yield "one far off", grid([0.01, 0.02, 0.0, 0.01, 0.015, 0.3])
    for i in range(12):
        n = int(rng.integers(4, 17))
        skew = rng.exponential(size=n) - 1 if i % 3 == 0 else rng.normal(size=n)
        yield f"random {i}, of {n}", grid(0.05 * skew + 0.02 * (i % 4))


def bca(x, seed, resamples, confidence=0.95):
    return stats.bootstrap(
        (x,), mean, n_resamples=resamples, confidence_level=confidence, method="BCa",
        vectorized=True, rng=np.random.default_rng(seed),
    )


def sample(name, x):
    student = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    flips = stats.permutation_test((x,), mean, permutation_type="samples", n_resamples=2**16, vectorized=True)
    bounds = np.array([list(bca(x, seed, 10_000).confidence_interval) for seed in range(SEEDS)])
    return {
        "name": name,
        "differences": x.tolist(),
        "student": [student.low, student.high],
        "p": flips.pvalue,
        "bca": bounds.mean(0).tolist(),
        "bca_deviation": bounds.std(0, ddof=1).tolist(),
    }


def draws(name, x, confidence):
    found = bca(x, 7, 199, confidence)
    return {
        "name": name,
        "differences": x.tolist(),
        "confidence": confidence,
        "draws": found.bootstrap_distribution.tolist(),
        "bca": list(found.confidence_interval),
    }


if __name__ == "__main__":
    shares = [0.00005, 0.001, 0.01, 0.025, 0.1, 0.3, 0.45, 0.499, 0.5, 0.50005, 0.6, 0.75, 0.8, 0.9, 0.95, 0.975, 0.99]
    shares += [0.995, 0.999, 0.99995]
    degrees = [1, 2, 3, 4, 5, 8, 9, 27, 60, 301]
    every = list(samples())
    golden = {
        "normal": [[p, stats.norm.ppf(p)] for p in shares],
        "student": [[c, d, stats.t.ppf((1 + c) / 2, d)] for c in (0.5, 0.8, 0.9, 0.95, 0.99) for d in degrees],
        "samples": [sample(name, x) for name, x in every],
        "draws": [draws(name, x, c) for (name, x), c in zip(every[2:9], (0.95, 0.9, 0.8, 0.95, 0.99, 0.95, 0.95))],
    }
    OUT.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
