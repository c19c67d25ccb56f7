"""Golden values for crates/lm: tiny random models of every family, their hidden states, and
gradients of low-rank deltas, as transformers and torch compute them.

    python tests/oracles/lm.py                     # rewrites crates/lm/tests/fixtures
    python tests/oracles/lm.py --minilm FOLDER     # and the values of all-MiniLM-L6-v2
    python tests/oracles/lm.py --mosaic FOLDER     # and those of DNABERT-2

DNABERT-2's code is MosaicBERT's: FOLDER is examples/benchmarks/bert/src of github.com/mosaicml/examples (needs einops).
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoModel, BertConfig, BertForMaskedLM, BertModel, OPTConfig, OPTModel
from transformers import DistilBertConfig, DistilBertModel, EsmConfig, EsmModel
from transformers import RobertaConfig, RobertaModel
from transformers import GPT2Config, GPT2Model, GPTNeoXConfig, GPTNeoXModel
from transformers import LlamaConfig, LlamaModel, MistralConfig, MistralModel
from transformers import ModernBertConfig, ModernBertModel, MPNetConfig, MPNetModel
from transformers import Qwen2Config, Qwen2Model, Qwen3Config, Qwen3Model
from transformers.pytorch_utils import Conv1D

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
            if isinstance(linear, Conv1D):
                inputs, outputs = linear.weight.shape
            else:
                outputs, inputs = linear.weight.shape
            self.down[name] = (torch.randn(inputs, RANK) * 0.3).requires_grad_()
            self.up[name] = (torch.randn(RANK, outputs) * 0.3).requires_grad_()
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


def adapted_case(model, linears, vocab, dropout, base, lengths=(5, 3), by_ids=False):
    """Deltas everywhere, two new rows, a loss with fixed weights on all real states. `by_ids`: the new rows are put behind
    the word embedding's own, instead of handing over embeddings: some families do more with ids than to look them up."""
    for parameter in model.parameters():
        parameter.requires_grad_(True)
        parameter.grad = None
    deltas = Deltas(model, linears, dropout)
    table = model.get_input_embeddings()
    rows = (torch.randn(2, table.embedding_dim) * 0.3).requires_grad_()
    ids = torch.randint(3, vocab + 2, (2, 5))
    ids[0, 1], ids[1, 2] = vocab, vocab + 1
    lengths = list(lengths)
    mask = mask_of(lengths, 5)
    original = torch.nn.functional.dropout
    torch.nn.functional.dropout = deltas.drop
    model.train(dropout > 0)
    try:
        if by_ids:
            table.forward = lambda ids: torch.cat([table.weight, rows])[ids]
            output = model(input_ids=ids, attention_mask=mask)
            del table.forward
        else:
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
                named[name].grad.T
                if isinstance(model.get_submodule(name.rpartition(".")[0]), torch.nn.Linear) and name.endswith(".weight")
                else named[name].grad
            )
            for name in base
        },
    }


def linears_of(model, order):
    """Names of all linears in the order of crates/lm: query before key and value."""
    names = [n for n, m in model.named_modules() if isinstance(m, (torch.nn.Linear, Conv1D))]
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


def encoder(name, model, base, ids=None, **adapted):
    """A tiny encoder whose modules stand in the order of crates/lm."""
    shake(model)
    save(model, name)
    # ESM's head for contacts is no part of its states.
    own = lambda name: not name.startswith("contact_head")
    linears = [n for n in linears_of(model, lambda n: n.startswith("pooler")) if own(n)]
    cases = plain_cases(model, 30)
    if ids is not None:
        cases.append(case(model, torch.tensor([ids]), [len(ids)]))
    write(name, {
        "parameters": sum(p.numel() for n, p in model.named_parameters() if own(n)),
        "cases": cases,
        "adapted": [adapted_case(model, linears, 30, p, base, **adapted) for p in (0.0, 0.1)],
    })


SIZES = {
    "vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 24,
}
WORDS = "embeddings.word_embeddings.weight"


def roberta():
    torch.manual_seed(6)
    config = RobertaConfig(
        **SIZES, max_position_embeddings=14, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5,
    )
    model = RobertaModel(config).eval()
    model.set_attn_implementation("eager")
    encoder("roberta", model, [WORDS, "embeddings.position_embeddings.weight", "encoder.layer.1.output.dense.bias"])


def distilbert():
    torch.manual_seed(7)
    config = DistilBertConfig(
        vocab_size=30, dim=16, n_layers=2, n_heads=4, hidden_dim=24, max_position_embeddings=12,
        attention_dropout=0.2,
    )
    model = DistilBertModel(config).eval()
    model.set_attn_implementation("eager")
    encoder("distilbert", model, [WORDS, "transformer.layer.1.ffn.lin2.bias"])


def esm(name, seed, **changes):
    torch.manual_seed(seed)
    config = EsmConfig(
        **SIZES, max_position_embeddings=14, pad_token_id=1, mask_token_id=2, layer_norm_eps=1e-5, **changes,
    )
    model = EsmModel(config).eval()
    if "add_bias_fnn" in changes:
        gate(model, config)
    model.set_attn_implementation("eager")
    # Two masked tokens.
    encoder(
        name, model, [WORDS, "encoder.layer.1.LayerNorm.weight", "encoder.layer.0.attention.self.key.weight"],
        ids=[5, 2, 7, 9, 2, 4, 3], by_ids=True,
    )


def gate(model, config):
    """The feed-forward layers of the second Nucleotide Transformer: half of the first one's outputs is activated, and multiplied
    with the other half; without biases, as `add_bias_fnn` says."""

    class Gated(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.dense = torch.nn.Linear(
                config.hidden_size, 2 * config.intermediate_size, bias=config.add_bias_fnn
            )

        def forward(self, x):
            activated, gate = self.dense(x).chunk(2, dim=-1)
            return torch.nn.functional.silu(activated) * gate

    for layer in model.encoder.layer:
        layer.intermediate = Gated()
        layer.output.dense = torch.nn.Linear(
            config.intermediate_size, config.hidden_size, bias=config.add_bias_fnn
        )


def dnabert2(folder):
    sys.path.insert(0, folder)
    import bert_layers
    from configuration_bert import BertConfig as MosaicConfig

    torch.manual_seed(11)
    config = MosaicConfig(
        **SIZES, alibi_starting_size=8, max_position_embeddings=12, hidden_dropout_prob=0.0, pad_token_id=0,
    )

    class Model(bert_layers.BertModel):
        """With the names of transformers' outputs."""

        def forward(self, input_ids, attention_mask):
            states, pooled = super().forward(input_ids, attention_mask=attention_mask)
            return argparse.Namespace(last_hidden_state=states, pooler_output=pooled)

    # What it inherits is of another version of transformers.
    Model.post_init = lambda self: None
    # No padding where there is dropout: their linear layers see no padding, and a mask is drawn for what they see.
    encoder(
        "dnabert2", Model(config).eval(), [WORDS, "encoder.layer.0.attention.self.Wqkv.weight"],
        lengths=(5, 5), by_ids=True,
    )


def decoder(name, seed, kind, base, dropouts=(0.1,), **changes):
    """A tiny decoder whose modules stand in the order of crates/lm."""
    torch.manual_seed(seed)
    config, model = kind
    model = model(config(**changes)).eval()
    model.set_attn_implementation("eager")
    shake(model)
    # A norm of small states has slopes so large that rounding shows in the gradients.
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(4)
    save(model, name)
    linears = linears_of(model, lambda n: 0)
    write(name, {
        "parameters": sum(p.numel() for p in model.parameters()),
        "cases": plain_cases(model, 30),
        "adapted": [adapted_case(model, linears, 30, p, base) for p in dropouts],
    })


LLAMA = {
    **SIZES, "num_key_value_heads": 2, "max_position_embeddings": 12, "attention_dropout": 0.2, "pad_token_id": None,
    "bos_token_id": 1, "eos_token_id": 2,
}
LLAMA_BASE = ["embed_tokens.weight", "layers.0.input_layernorm.weight", "layers.1.self_attn.k_proj.weight"]


def llamas():
    # Pairs of all three kinds: left as they are, changed in part, and wholly.
    scaled = {
        "rope_type": "llama3", "rope_theta": 50.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 40,
    }
    decoder("llama", 13, (LlamaConfig, LlamaModel), LLAMA_BASE, dropouts=(0.0, 0.1), **LLAMA)
    decoder(
        "llama/scaled", 14, (LlamaConfig, LlamaModel), [*LLAMA_BASE, "layers.0.self_attn.o_proj.bias"],
        **{**LLAMA, "max_position_embeddings": 48}, head_dim=6, rope_parameters=scaled, attention_bias=True, mlp_bias=True,
    )
    decoder("mistral", 15, (MistralConfig, MistralModel), LLAMA_BASE, **LLAMA, sliding_window=3)
    decoder(
        "qwen2", 16, (Qwen2Config, Qwen2Model), [*LLAMA_BASE, "layers.0.self_attn.v_proj.bias"],
        **LLAMA, use_sliding_window=True, sliding_window=2, max_window_layers=1,
    )
    decoder(
        "qwen3", 17, (Qwen3Config, Qwen3Model), [*LLAMA_BASE, "layers.0.self_attn.k_norm.weight"], **LLAMA, head_dim=8,
        rope_parameters={"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.0},
    )


def modernbert():
    torch.manual_seed(21)
    # Three blocks: the tokens of the second and third see one on each side.
    config = ModernBertConfig(
        **{**SIZES, "num_hidden_layers": 3}, max_position_embeddings=12, local_attention=3, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, cls_token_id=1, sep_token_id=2,
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 500.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10.0},
        },
    )
    model = ModernBertModel(config).eval()
    model.set_attn_implementation("eager")
    encoder(
        "modernbert", model,
        ["embeddings.tok_embeddings.weight", "embeddings.norm.weight", "layers.1.attn_norm.weight", "layers.2.attn.Wqkv.weight"],
    )


def mpnet():
    torch.manual_seed(22)
    config = MPNetConfig(**SIZES, max_position_embeddings=14, layer_norm_eps=1e-5)
    model = MPNetModel(config).eval()
    model.set_attn_implementation("eager")
    encoder("mpnet", model, [WORDS, "encoder.relative_attention_bias.weight", "encoder.layer.1.output.dense.bias"])


def gpts():
    decoder(
        "gpt2", 18, (GPT2Config, GPT2Model), ["wte.weight", "wpe.weight", "h.1.attn.c_attn.weight", "h.0.mlp.c_proj.bias"],
        vocab_size=30, n_embd=16, n_layer=2, n_head=4, n_inner=24, n_positions=12, attn_pdrop=0.2, embd_pdrop=0.3,
        bos_token_id=1, eos_token_id=2,
    )
    base = ["embed_in.weight", "layers.0.attention.query_key_value.weight", "layers.1.attention.query_key_value.bias"]
    sizes = {**SIZES, "max_position_embeddings": 12, "hidden_dropout": 0.1, "attention_dropout": 0.2}
    decoder(
        "gpt_neox", 19, (GPTNeoXConfig, GPTNeoXModel), [*base, "layers.1.post_attention_layernorm.weight"], **sizes,
        rope_parameters={"rope_type": "default", "rope_theta": 100.0, "partial_rotary_factor": 0.5},
    )
    decoder(
        "gpt_neox/sequential", 20, (GPTNeoXConfig, GPTNeoXModel), base[:2], **sizes, attention_bias=False,
        use_parallel_residual=False, rope_parameters={"rope_type": "default", "rope_theta": 10.0, "partial_rotary_factor": 1.0},
    )


def pickled():
    """Files of torch.save in both of its formats, and the same tensors in safetensors."""
    from safetensors.torch import save_file

    torch.manual_seed(12)
    folder = FIXTURES / "pickled"
    folder.mkdir(exist_ok=True)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4))
    tensors = module.state_dict()
    table = torch.randn(6, 5)
    tensors["whole"] = table
    tensors["turned"] = table.T
    tensors["part"] = table[2:4, 1:3]
    tensors["parameter"] = torch.nn.Parameter(torch.randn(2))
    tensors["half"] = torch.randn(3).half()
    tensors["bfloat16"] = torch.randn(3).bfloat16()
    tensors["double"] = torch.randn(2, 1).double()
    tensors["long"] = torch.tensor([-1, 2**40])
    tensors["bytes"] = torch.tensor([1, 255], dtype=torch.uint8)
    tensors["truths"] = torch.tensor([True, False, True])
    tensors["scalar"] = torch.tensor(1.5)
    tensors["empty"] = torch.zeros(0, 4)
    torch.save(tensors, folder / "zip.bin")
    torch.save(tensors, folder / "legacy.bin", _use_new_zipfile_serialization=False)
    save_file({name: t.detach().clone().contiguous() for name, t in tensors.items()}, folder / "expected.safetensors")


def layers(name):
    """The states before each block and those that are put out, of a fixture that is there: transformers' hidden_states."""
    model = AutoModel.from_pretrained(FIXTURES / name).eval()
    ids = [2, 7, 9, 3, 8]
    with torch.no_grad():
        states = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
    golden = {"ids": ids, "layers": [floats(layer) for layer in states]}
    (FIXTURES / name / "layers.json").write_text(json.dumps(golden) + "\n")


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
    (FIXTURES / "values" / "minilm.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minilm")
    parser.add_argument("--mosaic")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bert()
    bert_mlm()
    opt("opt", 4)
    opt("opt_post_norm", 5, do_layer_norm_before=False, word_embed_proj_dim=12)
    pickled()
    roberta()
    distilbert()
    esm("esm", 8, token_dropout=True, emb_layer_norm_before=True)
    esm("esm_rotary", 9, position_embedding_type="rotary")
    esm("nucleotide_transformer_v2", 10, position_embedding_type="rotary", add_bias_fnn=False)
    llamas()
    gpts()
    modernbert()
    mpnet()
    for name in ["bert", "distilbert", "esm", "esm_rotary", "opt", "opt_post_norm", "roberta"]:
        layers(name)
    if arguments.mosaic:
        dnabert2(arguments.mosaic)
    if arguments.minilm:
        minilm(arguments.minilm)
