"""Golden values for crates/lm: tiny random BERT and OPT models, their hidden states, and
gradients of low-rank deltas, as transformers and torch compute them.

    python tests/oracles/lm.py                     # rewrites crates/lm/tests/fixtures
    python tests/oracles/lm.py --minilm FOLDER     # and the values of all-MiniLM-L6-v2
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from transformers import BertConfig, BertForMaskedLM, BertModel, OPTConfig, OPTModel

FIXTURES = Path(__file__).parents[2] / "crates" / "lm" / "tests" / "fixtures"
RANK = 2


def floats(tensor):
    return [float(f"{x:.8g}") for x in tensor.detach().double().flatten().tolist()]


def mask_of(lengths, length):
    return torch.tensor([[int(t < n) for t in range(length)] for n in lengths])


def shake(model):
    """Random values everywhere: zero biases and unit norms would hide mistakes."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)


def write(name, golden):
    (FIXTURES / name / "golden.json").write_text(json.dumps(golden) + "\n")


def save(model, name):
    folder = FIXTURES / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)


def case(model, ids, lengths):
    output = model(input_ids=ids, attention_mask=mask_of(lengths, ids.shape[1]))
    golden = {
        "ids": ids.tolist(),
        "lengths": lengths,
        "states": floats(output.last_hidden_state),
    }
    pooled = getattr(output, "pooler_output", None)
    if pooled is not None:
        golden["pooled"] = floats(pooled)
    return golden


def plain_cases(model, vocab):
    ids = torch.randint(3, vocab, (3, 7))
    return [
        case(model, ids, [7, 7, 7]),
        case(model, ids, [7, 4, 1]),
        case(model, ids[:1], [7]),
        case(model, ids[:, :1], [1, 1, 1]),
    ]


class Deltas:
    """Low-rank deltas on every linear, and dropout by a pattern that needs no generator."""

    def __init__(self, model, linears, dropout):
        self.down, self.up, self.calls = {}, {}, 0
        self.dropout = dropout
        for name in linears:
            linear = model.get_submodule(name)
            self.down[name] = (torch.randn(linear.in_features, RANK) * 0.3).requires_grad_()
            self.up[name] = (torch.randn(RANK, linear.out_features) * 0.3).requires_grad_()
            linear.register_forward_hook(self.hook(name, model))

    def hook(self, name, model):
        def add(_, inputs, output):
            x = torch.nn.functional.dropout(inputs[0], self.dropout, model.training)
            return output + x @ self.down[name] @ self.up[name]

        return add

    def drop(self, x, p=0.5, training=True, inplace=False):
        if not training or p == 0:
            return x
        index = torch.arange(x.numel())
        keep = (index * 7 + self.calls * 3) % 5 != 0
        self.calls += 1
        return x * (keep.float() / (1 - p)).reshape(x.shape)


def adapted_case(model, linears, vocab, dropout, base):
    """Deltas everywhere, two new rows, a loss with fixed weights on all real states."""
    for parameter in model.parameters():
        parameter.requires_grad_(True)
        parameter.grad = None
    deltas = Deltas(model, linears, dropout)
    table = model.get_input_embeddings()
    rows = (torch.randn(2, table.embedding_dim) * 0.3).requires_grad_()
    ids = torch.randint(3, vocab + 2, (2, 5))
    ids[0, 1], ids[1, 2] = vocab, vocab + 1
    lengths = [5, 3]
    mask = mask_of(lengths, 5)
    original = torch.nn.functional.dropout
    torch.nn.functional.dropout = deltas.drop
    model.train(dropout > 0)
    try:
        embeds = torch.cat([table.weight, rows])[ids]
        output = model(inputs_embeds=embeds, attention_mask=mask)
    finally:
        torch.nn.functional.dropout = original
        model.eval()
    states = output.last_hidden_state
    weights = torch.randn(states.shape) * mask[:, :, None]
    loss = (states * weights).sum()
    pooled = getattr(output, "pooler_output", None)
    pooled_weights = None
    if pooled is not None:
        pooled_weights = torch.randn(pooled.shape)
        loss = loss + (pooled * pooled_weights).sum()
    loss.backward()
    for name in linears:
        model.get_submodule(name)._forward_hooks.clear()
    named = dict(model.named_parameters())
    return {
        "ids": ids.tolist(),
        "lengths": lengths,
        "dropout": dropout,
        "rows": floats(rows),
        "weights": floats(weights),
        "pooled_weights": None if pooled is None else floats(pooled_weights),
        "loss": float(loss),
        "rows_gradient": floats(rows.grad),
        "deltas": [
            {
                "site": name,
                "down": floats(deltas.down[name]),
                "up": floats(deltas.up[name]),
                "down_gradient": floats(deltas.down[name].grad),
                "up_gradient": floats(deltas.up[name].grad),
            }
            for name in linears
        ],
        # Weights of linears as [input, output], the layout of crates/lm.
        "base_gradients": {
            name: floats(
                named[name].grad.T if name.removesuffix(".weight") in linears else named[name].grad
            )
            for name in base
        },
    }


def linears_of(model, order):
    """Names of all linears in the order of crates/lm: query before key and value."""
    names = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear)]
    return sorted(names, key=order)


def bert():
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=24, max_position_embeddings=12,
    )
    model = BertModel(config).eval()
    model.set_attn_implementation("eager")
    shake(model)
    save(model, "bert")
    linears = linears_of(model, lambda n: (n.startswith("pooler"), 0))
    base = [
        "embeddings.word_embeddings.weight",
        "embeddings.position_embeddings.weight",
        "embeddings.LayerNorm.weight",
        "encoder.layer.0.attention.self.query.weight",
        "encoder.layer.1.output.dense.bias",
        "pooler.dense.weight",
    ]
    write("bert", {
        "parameters": sum(p.numel() for p in model.parameters()),
        "cases": plain_cases(model, 30),
        "adapted": [adapted_case(model, linears, 30, p, base) for p in (0.0, 0.1)],
    })


def bert_mlm():
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=8, hidden_act="gelu_new",
    )
    model = BertForMaskedLM(config).eval()
    shake(model)
    save(model, "bert_mlm")
    ids = torch.randint(3, 20, (2, 6))
    lengths = [6, 4]
    logits = model(input_ids=ids, attention_mask=mask_of(lengths, 6)).logits
    positions = [1, 5, 7, 9]
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(12, 20)[positions], torch.tensor([3, 4, 5, 6])
    )
    loss.backward()
    named = dict(model.named_parameters())
    write("bert_mlm", {
        "ids": ids.tolist(),
        "lengths": lengths,
        "positions": positions,
        "targets": [3, 4, 5, 6],
        "logits": floats(logits.reshape(12, 20)[positions]),
        "loss": float(loss),
        "word_gradient": floats(named["bert.embeddings.word_embeddings.weight"].grad),
        "dense_gradient": floats(named["cls.predictions.transform.dense.weight"].grad.T),
    })


def opt(name, seed, **changes):
    torch.manual_seed(seed)
    config = OPTConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, ffn_dim=24,
        max_position_embeddings=12, dropout=0.1, attention_dropout=0.2,
        **{"word_embed_proj_dim": 16, **changes},
    )
    model = OPTModel(config).eval()
    model.set_attn_implementation("eager")
    shake(model)
    save(model, name)
    parts = ["project_in", "q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2", "project_out"]

    def order(name):
        part = next(i for i, part in enumerate(parts) if name.endswith(part))
        layer = int(name.split(".")[2]) if ".layers." in name else -1 if part == 0 else 99
        return (layer, part)

    base = ["decoder.embed_tokens.weight", "decoder.layers.1.self_attn.v_proj.weight"]
    linears = linears_of(model, order)
    write(name, {
        "parameters": sum(p.numel() for p in model.parameters()),
        "cases": plain_cases(model, 30),
        "adapted": [adapted_case(model, linears, 30, p, base) for p in (0.0, 0.1)],
    })


def minilm(folder):
    model = BertModel.from_pretrained(folder).eval()
    torch.manual_seed(3)
    ids = torch.tensor([[101] + torch.randint(1000, 30000, (24,)).tolist() + [102]] * 2)
    lengths = [26, 11]
    with torch.no_grad():
        output = model(input_ids=ids, attention_mask=mask_of(lengths, 26))
    states = output.last_hidden_state
    golden = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "ids": ids.tolist(),
        "lengths": lengths,
        # Every 16th value of the real tokens' states.
        "states": floats(torch.cat([states[0, :26], states[1, :11]])[:, ::16]),
        "pooled": floats(output.pooler_output[:, ::16]),
    }
    (FIXTURES / "minilm.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minilm")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bert()
    bert_mlm()
    opt("opt", 4)
    opt("opt_post_norm", 5, do_layer_norm_before=False, word_embed_proj_dim=12)
    if arguments.minilm:
        minilm(arguments.minilm)
