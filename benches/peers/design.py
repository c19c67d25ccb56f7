"""CPU seconds of bidirectional learning in PyTorch: 128 candidates of 8 bases, 100 steps, through a frozen BERT folder.

    python benches/peers/design.py MODEL TABLE
"""

import sys
import time

import torch
from transformers import AutoTokenizer, BertModel

torch.set_num_threads(1)
folder, table = sys.argv[1:3]
rows = [line.rstrip("\n").split("\t") for line in open(table)][1:]
rows = sorted(((float(score), sequence) for sequence, score in rows), key=lambda row: row[0])[:5000]
bert = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
for parameter in bert.parameters():
    parameter.requires_grad_(False)
ids = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids(["a", "c", "g", "t", "[CLS]", "[SEP]"])
words = bert.embeddings.word_embeddings.weight
letters = words[ids[:4]]
frame = [words[i].expand(128, 1, -1) for i in ids[4:]]


def features(tokens):
    n = len(tokens)
    inputs = torch.cat([frame[0][:1].expand(n, 1, -1), tokens @ letters, frame[1][:1].expand(n, 1, -1)], 1)
    return bert(inputs_embeds=inputs).last_hidden_state[:, 1:-1].mean(1).double()


def one_hot(sequences):
    codes = torch.tensor([["ACGT".index(base) for base in sequence] for sequence in sequences])
    return torch.nn.functional.one_hot(codes, 4).float()


begin = time.process_time()
with torch.no_grad():
    known = one_hot([sequence for _, sequence in rows])
    phi = torch.cat([features(part) for part in known.split(256)])
y = torch.tensor([score for score, _ in rows], dtype=torch.float64)
y = (y - y.mean()) / (y.std() + 1e-9)
gram, cross = phi.T @ phi, phi.T @ y
beta = 1e-6 * gram.trace() / len(y)
w = torch.linalg.solve(gram + beta * torch.eye(len(gram), dtype=torch.float64), cross)
gram, cross = gram / len(y), cross / len(y)
prepared = time.process_time()
z = 0.01 * torch.randn(1, 8, 4).repeat(128, 1, 1)
z = (z + 0.1 * one_hot([sequence for _, sequence in rows[-128:]])).requires_grad_(True)
adam = torch.optim.Adam([z], lr=0.1)
for _ in range(100):
    p = z.softmax(2)
    hard = torch.nn.functional.one_hot(p.argmax(2), 4).float()
    x = features(hard - p.detach() + p)
    norm = (x * x).sum(1)
    c = 10 / (norm * (1 + 1e-6))
    backward = c**2 * ((x @ gram) * x).sum(1) - 2 * c * (x @ cross) + (y * y).mean()
    loss = (0.5 * (x @ w - 10) ** 2 + 0.5 * backward).sum()
    adam.zero_grad()
    loss.backward()
    adam.step()
end = time.process_time()
print(f"features of 5,000: {prepared - begin:.1f} CPU s; 128 x 100 steps: {end - prepared:.1f} CPU s")
