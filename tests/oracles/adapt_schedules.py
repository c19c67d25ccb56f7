"""Golden values for crates/adapt: the learning rates of transformers' schedules with a warm-up.

    python tests/oracles/adapt_schedules.py

Writes crates/adapt/tests/fixtures/schedules.json: the rates of 20 updates, 4 of them warm-up, with the peak 0.02.
"""
import json
import os

import torch
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

OUT = os.path.join(os.path.dirname(__file__), "../../crates/adapt/tests/fixtures/schedules.json")
SCHEDULES = {
    "linear": lambda optimizer: get_linear_schedule_with_warmup(optimizer, 4, 20),
    "cosine": lambda optimizer: get_cosine_schedule_with_warmup(optimizer, 4, 20),
    "constant": lambda optimizer: get_constant_schedule_with_warmup(optimizer, 4),
}


def main():
    rates = {}
    for name, schedule_of in SCHEDULES.items():
        optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.02)
        schedule = schedule_of(optimizer)
        rates[name] = []
        for _ in range(20):
            rates[name].append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
    with open(OUT, "w") as file:
        json.dump(rates, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
