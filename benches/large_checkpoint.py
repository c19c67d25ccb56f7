"""Writes a Llama of random bf16 weights in shards: a checkpoint to measure loading with.

    python benches/large_checkpoint.py FOLDER [--layers 16] [--hidden 2048]

With its defaults it has 1.0 G parameters (2.1 GB). No weight of a real model is needed to see how much memory loading takes.
"""
import argparse
import json
import os

import torch
from safetensors.torch import save_file


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("--layers", type=int, default=16)
    p.add_argument("--hidden", type=int, default=2048)
    a = p.parse_args()
    hidden, wide, heads, vocabulary = a.hidden, 4 * a.hidden, a.hidden // 64, 32000
    os.makedirs(a.folder, exist_ok=True)
    config = dict(
        architectures=["LlamaModel"], model_type="llama", hidden_size=hidden, intermediate_size=wide,
        num_hidden_layers=a.layers, num_attention_heads=heads, num_key_value_heads=heads // 4, vocab_size=vocabulary,
        max_position_embeddings=2048, rms_norm_eps=1e-5, hidden_act="silu", tie_word_embeddings=False,
        attention_bias=False, mlp_bias=False, rope_theta=10000.0, pad_token_id=0,
    )
    with open(os.path.join(a.folder, "config.json"), "w") as f:
        json.dump(config, f, indent=1)
    torch.manual_seed(0)
    weight = lambda *shape: (torch.randn(*shape) * 0.02).to(torch.bfloat16)
    ones = lambda n: torch.ones(n, dtype=torch.bfloat16)
    kv = hidden // 4
    shards, index = a.layers + 1, {}

    def write(number, tensors):
        name = f"model-{number:05}-of-{shards:05}.safetensors"
        save_file(tensors, os.path.join(a.folder, name), metadata={"format": "pt"})
        index.update({tensor: name for tensor in tensors})

    write(1, {"embed_tokens.weight": weight(vocabulary, hidden), "norm.weight": ones(hidden)})
    for layer in range(a.layers):
        at = f"layers.{layer}."
        write(layer + 2, {
            at + "self_attn.q_proj.weight": weight(hidden, hidden),
            at + "self_attn.k_proj.weight": weight(kv, hidden),
            at + "self_attn.v_proj.weight": weight(kv, hidden),
            at + "self_attn.o_proj.weight": weight(hidden, hidden),
            at + "mlp.gate_proj.weight": weight(wide, hidden),
            at + "mlp.up_proj.weight": weight(wide, hidden),
            at + "mlp.down_proj.weight": weight(hidden, wide),
            at + "input_layernorm.weight": ones(hidden),
            at + "post_attention_layernorm.weight": ones(hidden),
        })
    with open(os.path.join(a.folder, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {}, "weight_map": index}, f)


if __name__ == "__main__":
    main()
