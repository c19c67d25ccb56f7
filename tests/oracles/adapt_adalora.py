"""Golden values for crates/adapt: PEFT's AdaLoRA over a whole schedule on a tiny model.

    python tests/oracles/adapt_adalora.py

Writes crates/adapt/tests/fixtures/adalora.safetensors. Values are in the layout of lingo-adapt:
for each module `down` [in, r] (lora_A transposed), `lambda` [r], `up` [r, out] (lora_B transposed),
one row for each step, taken after optimizer.step() and before update_and_allocate().
"""
import os
from types import SimpleNamespace

import torch
from peft import AdaLoraConfig, get_peft_model
from safetensors.torch import save_file

OUT = os.path.join(os.path.dirname(__file__), "../../crates/adapt/tests/fixtures/adalora.safetensors")
RANK, TARGET, TOTAL, WARMUP, FINAL, EVERY = 4, 2, 60, 4, 15, 2
MODULES = [("one", 8, 6), ("two", 6, 5), ("three", 5, 4)]


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for name, i, o in MODULES:
            setattr(self, name, torch.nn.Linear(i, o))

    def forward(self, x, y):
        for name, _, _ in MODULES:
            x = torch.tanh(getattr(self, name)(x))
        return SimpleNamespace(loss=((x - y) ** 2).mean())


def flat(model, gradient):
    pick = (lambda p: p.grad) if gradient else (lambda p: p.data)
    parts = []
    for name, _, _ in MODULES:
        m = getattr(model.base_model.model, name)
        parts += [
            pick(m.lora_A["default"]).T.reshape(-1),
            pick(m.lora_E["default"]).reshape(-1),
            pick(m.lora_B["default"]).T.reshape(-1),
        ]
    return torch.cat(parts).clone()


def pattern(model, found):
    live = []
    for name, _, _ in MODULES:
        live += [v for key, v in found.items() if f"{name}.lora_E" in key][0]
    return torch.tensor(live, dtype=torch.float32)


def main():
    torch.manual_seed(11)
    config = AdaLoraConfig(
        init_r=RANK, target_r=TARGET, tinit=WARMUP, tfinal=FINAL, deltaT=EVERY, total_step=TOTAL,
        lora_alpha=8, lora_dropout=0.0, target_modules=[m[0] for m in MODULES],
    )
    model = get_peft_model(Tiny(), config)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-2, weight_decay=0.01)
    x, y = torch.randn(64, 8), torch.tanh(torch.randn(64, 4))
    values, gradients, after, budgets, patterns = [], [], [], [], []
    for step in range(1, TOTAL + 1):
        pick = torch.randperm(64)[:16]
        model(x[pick], y[pick]).loss.backward()
        optimizer.step()
        values.append(flat(model, False))
        gradients.append(flat(model, True))
        before = model.base_model.peft_config["default"].rank_pattern
        model.base_model.update_and_allocate(step)
        found = model.base_model.peft_config["default"].rank_pattern
        patterns.append(torch.full((RANK * len(MODULES),), -1.0) if found is before else pattern(model, found))
        budgets.append(model.base_model.rankallocator.budget_schedule(step)[0])
        after.append(flat(model, False))
        optimizer.zero_grad()
    # The orthogonality term alone, and its gradient, at the last values.
    zero = SimpleNamespace(loss=torch.zeros((), requires_grad=True) * 1.0)
    model.base_model.model.forward = lambda *_: zero
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    loss = model.base_model().loss
    loss.backward()
    save_file(
        {
            "values": torch.stack(values),
            "gradients": torch.stack(gradients),
            "after": torch.stack(after),
            "patterns": torch.stack(patterns),
            "budgets": torch.tensor(budgets, dtype=torch.float32),
            "orthogonality": loss.detach().reshape(1),
            "orthogonality_gradient": flat(model, True),
        },
        OUT,
    )
    print("allocations", sum(p[0].item() >= 0 for p in patterns), "budgets", budgets)


if __name__ == "__main__":
    main()
