"""The control of a pretrained model: the same architecture and tokenizer with weights as its initializer draws them.

    python benches/random_weights.py $MINILM random_minilm
    python benches/random_weights.py $MINILM mixed --embeddings random        # pretrained blocks on random embeddings
    python benches/random_weights.py $MINILM mixed --embeddings pretrained    # random blocks on pretrained embeddings
"""

import argparse
import os
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model")
parser.add_argument("out")
parser.add_argument("--embeddings", choices=["random", "pretrained"])
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

torch.manual_seed(args.seed)
drawn = AutoModel.from_config(AutoConfig.from_pretrained(args.model)).state_dict()
drawn = {name: tensor.contiguous() for name, tensor in drawn.items() if "position_ids" not in name}
weights = dict(drawn)
if args.embeddings:
    trained = load_file(f"{args.model}/model.safetensors")
    for name in weights:
        from_trained = name.startswith("embeddings.") == (args.embeddings == "pretrained")
        if from_trained:
            weights[name] = trained[name].contiguous()
os.makedirs(args.out, exist_ok=True)
for name in os.listdir(args.model):
    path = f"{args.model}/{name}"
    if os.path.isfile(path) and not name.endswith((".safetensors", ".bin")):
        shutil.copy(path, args.out)
save_file(weights, f"{args.out}/model.safetensors", metadata={"format": "pt"})
