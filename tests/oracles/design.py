"""Golden values of sequence design: five steps of bidirectional learning through a tiny BERT of overlapping 3-mers.

    python tests/oracles/design.py

writes crates/design/tests/fixtures/bib.json and the model beside it (torch, transformers). Written from the formulas of
Chen et al. 2023 with autograd, so that it shares nothing with the program.
"""

import itertools
import json
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

HERE = Path(__file__).resolve().parents[2] / "crates/design/tests/fixtures"
MODEL = HERE / "dnabert_tiny"
LENGTH, ROWS, CANDIDATES, STEPS, TARGET = 6, 60, 4, 5, 10.0


def model():
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=69, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=12, initializer_range=0.2,
    )
    bert = BertModel(config, add_pooling_layer=False).eval()
    for name, values in bert.named_parameters():
        if name.endswith("bias") or "LayerNorm" in name:
            values.data += 0.1 * torch.randn_like(values)
    bert.save_pretrained(MODEL, safe_serialization=True)
    lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    lines += ["".join(kmer) for kmer in itertools.product("ACGT", repeat=3)]
    (MODEL / "vocab.txt").write_text("\n".join(lines) + "\n")
    return bert


def features(bert, tokens):
    """Means of the last states over the DNA; tokens are one-hot or soft, [batch, windows, 64]."""
    words = bert.embeddings.word_embeddings.weight
    inner = tokens.to(words.dtype) @ words[5:69]
    frame = [words[i].expand(len(tokens), 1, -1) for i in (2, 3)]
    states = bert(inputs_embeds=torch.cat([frame[0], inner, frame[1]], 1)).last_hidden_state
    return states[:, 1:-1].double().mean(1)


def soft_tokens(p):
    windows = [
        torch.einsum("bi,bj,bk->bijk", p[:, l], p[:, l + 1], p[:, l + 2]).flatten(1) for l in range(LENGTH - 2)
    ]
    return torch.stack(windows, 1)


def straight_through(z):
    soft = soft_tokens(z.softmax(2))
    hard = torch.nn.functional.one_hot(soft.argmax(2), 64).to(soft.dtype)
    return hard - soft.detach() + soft


def one_hot(sequences):
    codes = torch.tensor(sequences)
    windows = [16 * codes[:, l] + 4 * codes[:, l + 1] + codes[:, l + 2] for l in range(LENGTH - 2)]
    return torch.nn.functional.one_hot(torch.stack(windows, 1), 64).double()


def main():
    HERE.mkdir(parents=True, exist_ok=True)
    bert = model()
    for parameter in bert.parameters():
        parameter.requires_grad_(False)
    torch.manual_seed(8)
    sequences = torch.randperm(4**LENGTH)[:ROWS].tolist()
    sequences = [[code >> 2 * (LENGTH - 1 - i) & 3 for i in range(LENGTH)] for code in sequences]
    scores = torch.rand(ROWS, dtype=torch.float64)
    mean, deviation = scores.mean(), scores.std() + 1e-9
    y = (scores - mean) / deviation
    phi = features(bert, one_hot(sequences))
    kernel = phi @ phi.T
    beta = 1e-6 * kernel.trace() / ROWS
    alpha = torch.linalg.solve(kernel + beta * torch.eye(ROWS, dtype=torch.float64), y)
    auxiliary = torch.randn(16, dtype=torch.float64)
    first = 0.5 * torch.randn(CANDIDATES, LENGTH, 4, dtype=torch.float64)

    def losses(z):
        x = features(bert, straight_through(z))
        forward = (x @ phi.T @ alpha - TARGET) ** 2
        norm = (x * x).sum(1)
        weight = TARGET / (norm + 1e-6 * norm)
        predicted = weight[:, None] * (x @ phi.T)
        backward = ((predicted - y) ** 2).mean(1)
        return forward, backward, deviation * (x @ auxiliary)

    def gradients(z):
        z = z.detach().requires_grad_(True)
        return [torch.autograd.grad(value.sum(), z, retain_graph=True)[0] for value in losses(z)]

    def run(gamma_learnt, rate_learnt):
        z = first.clone()
        adam = [torch.zeros_like(z), torch.zeros_like(z)]
        gamma = torch.full((CANDIDATES,), 0.5, dtype=torch.float64)
        gamma_adam = [torch.zeros_like(gamma), torch.zeros_like(gamma)]

        def direction(moments, gradient, step):
            moments[0] = 0.9 * moments[0] + 0.1 * gradient
            moments[1] = 0.999 * moments[1] + 0.001 * gradient**2
            corrected = moments[0] / (1 - 0.9**step), moments[1] / (1 - 0.999**step)
            return corrected[0] / (corrected[1].sqrt() + 1e-8)

        trace = []
        for step in range(1, STEPS + 1):
            forward, backward, score = gradients(z)
            if gamma_learnt:
                slope = 0.1 * (score * (forward - backward)).sum((1, 2))
                gamma = (gamma - 0.1 * direction(gamma_adam, slope, step)).clamp(0, 1)
            weight = gamma[:, None, None]
            towards = direction(adam, weight * forward + (1 - weight) * backward, step)
            rate = torch.full((CANDIDATES,), 0.1, dtype=torch.float64)
            if rate_learnt and step > 1:
                rate = (0.1 - 0.01 * (score * towards).sum((1, 2))).clamp(1e-4, 0.5)
            z = z - rate[:, None, None] * towards
            trace.append({"logits": z.flatten(1).tolist(), "gamma": gamma.tolist()})
        return trace

    forward, backward, score = losses(first)
    slopes = gradients(first)
    golden = {
        "sequences": sequences, "scores": scores.tolist(), "features": phi[:4].tolist(),
        "auxiliary": (deviation * auxiliary).tolist(), "first": first.flatten(1).tolist(),
        "forward": forward.tolist(), "backward": backward.tolist(),
        "gradients": [slope.flatten(1).tolist() for slope in slopes],
        "fixed": run(False, False), "adaptive_gamma": run(True, False), "adaptive_rate": run(True, True),
    }
    (HERE / "bib.json").write_text(json.dumps(golden) + "\n")


main()
