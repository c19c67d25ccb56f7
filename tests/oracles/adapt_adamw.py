"""Golden values for crates/adapt: torch.optim.AdamW with transformers' linear schedule and clipping.

    python tests/oracles/adapt_adamw.py

Writes crates/adapt/tests/fixtures/adamw.safetensors: the gradients before clipping, the values after
each step, and the learning rates.
"""
import os

import torch
from safetensors.torch import save_file
from transformers import get_linear_schedule_with_warmup

OUT = os.path.join(os.path.dirname(__file__), "../../crates/adapt/tests/fixtures/adamw.safetensors")


def main():
    torch.manual_seed(3)
    p = torch.nn.Parameter(torch.randn(12))
    q = torch.nn.Parameter(torch.randn(5))
    optimizer = torch.optim.AdamW([p, q], lr=0.05, weight_decay=0.1)
    schedule = get_linear_schedule_with_warmup(optimizer, 6, 30)
    start = torch.cat([p.data, q.data]).clone()
    gradients, values, rates = [], [], []
    for step in range(30):
        g = torch.randn(17) * (0.1 if step % 3 else 2.0)
        p.grad, q.grad = g[:12].clone(), g[12:].clone()
        torch.nn.utils.clip_grad_norm_([p, q], 1.0)
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        gradients.append(g)
        values.append(torch.cat([p.data, q.data]).clone())
    save_file(
        {
            "start": start,
            "gradients": torch.stack(gradients),
            "values": torch.stack(values),
            "rates": torch.tensor(rates, dtype=torch.float64),
        },
        OUT,
    )


if __name__ == "__main__":
    main()
