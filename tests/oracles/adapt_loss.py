"""Golden values for crates/adapt: losses with smoothed labels and weighted classes, and their gradients, by torch;
balanced weights by scikit-learn.

    python tests/oracles/adapt_loss.py

Writes crates/adapt/tests/fixtures/losses.json: for each case the logits, the labels, the settings, torch's mean loss and
its gradient. Classes: CrossEntropyLoss(weight, label_smoothing). Several labels: BCEWithLogitsLoss(pos_weight) on labels
moved towards one half, for which torch has no setting of its own.
"""
import json
import os

import numpy
import torch
from sklearn.utils.class_weight import compute_class_weight

OUT = os.path.join(os.path.dirname(__file__), "../../crates/adapt/tests/fixtures/losses.json")


def case(kind, rows, outputs, smoothing, weights, generator):
    # Whole f32 values, so that both read the same logits.
    logits = (torch.randn(rows, outputs, generator=generator) * 2).double().requires_grad_()
    if kind == "classes":
        labels = torch.randint(0, outputs, (rows,), generator=generator)
        # Every class has a row, so that weights can be balanced.
        labels[:outputs] = torch.arange(outputs)
    else:
        labels = torch.randint(0, 2, (rows, outputs), generator=generator)
        labels[0], labels[1] = 0, 1
    if weights == "balanced":
        values = balanced(kind, labels.numpy(), outputs)
    else:
        values = weights
    weight = None if values is None else torch.tensor(values, dtype=torch.float64)
    if kind == "classes":
        loss = torch.nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing)(logits, labels)
    else:
        target = labels.double() * (1 - smoothing) + smoothing / 2
        loss = torch.nn.BCEWithLogitsLoss(pos_weight=weight)(logits, target)
    loss.backward()
    return {
        "kind": kind,
        "outputs": outputs,
        "label_smoothing": smoothing,
        "class_weights": "none" if weights is None else weights,
        "weights": values,
        "logits": logits.detach().flatten().tolist(),
        "labels": labels.tolist(),
        "loss": loss.item(),
        "gradient": logits.grad.flatten().tolist(),
    }


def balanced(kind, labels, outputs):
    if kind == "classes":
        return compute_class_weight("balanced", classes=numpy.arange(outputs), y=labels).tolist()
    # What a 1 weighs beside a 0, for each label.
    weights = []
    for column in labels.T:
        zero, one = compute_class_weight("balanced", classes=numpy.arange(2), y=column)
        weights.append(float(one / zero))
    return weights


def main():
    generator = torch.Generator().manual_seed(5)
    cases = []
    for kind, outputs in [("classes", 2), ("classes", 4), ("multilabel", 3)]:
        given = [0.5, 2.0, 1.25, 4.0][:outputs]
        for smoothing in [0.0, 0.1, 0.4]:
            for weights in [None, given, "balanced"]:
                cases.append(case(kind, 12, outputs, smoothing, weights, generator))
    with open(OUT, "w") as file:
        json.dump(cases, file, indent=None, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
