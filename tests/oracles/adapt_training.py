"""Golden values for crates/adapt: a few training steps by transformers + PEFT on the tiny models of crates/lm.

    python tests/oracles/adapt_training.py

Writes crates/adapt/tests/fixtures/training.safetensors: for each case the initial values (in
lingo-adapt's layout: matrices [in, out]), ids, lengths, labels, the loss of each step and the logits
after the last; of prefix tuning also the clipped gradients of the first step. Dropout is off.
"""
import os

import torch
from peft import AdaLoraConfig, IA3Config, LoraConfig, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification, get_linear_schedule_with_warmup

HERE = os.path.dirname(__file__)
MODELS = os.path.join(HERE, "../../crates/lm/tests/fixtures")
OUT = os.path.join(HERE, "../../crates/adapt/tests/fixtures/training.safetensors")
STEPS, RATE, WARMUP = 6, 2e-2, 2
TARGETS = {
    "bert": ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"],
    "opt": ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"],
}
# Dropouts that are switched off; and the padding of decoders that name none.
OFF = {
    "bert": dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, classifier_dropout=0.0),
    "opt": dict(dropout=0.0, attention_dropout=0.0),
    "gpt2": dict(embd_pdrop=0.0, resid_pdrop=0.0, attn_pdrop=0.0, pad_token_id=1),
    "llama": dict(attention_dropout=0.0, pad_token_id=1),
    "mistral": dict(attention_dropout=0.0, pad_token_id=1),
}
# Where the bare model stands in the classifier.
BARE = {"bert": "bert.", "gpt2": "transformer."}


def initial(model, family):
    """Name in lingo-adapt's store -> value."""
    values = {}
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        name = name.replace("base_model.model.", "").removeprefix("base_model.").replace(".default", "").replace(".modules_to_save", "").replace(".base_layer", "")
        name = name.removeprefix(BARE.get(family, "model."))
        p = p.data.clone()
        if "lora_A" in name:
            values[name.split(".lora_")[0] + ".down"] = p.T.contiguous()
        elif "lora_B" in name:
            values[name.split(".lora_")[0] + ".up"] = p.T.contiguous()
        elif "lora_E" in name:
            values[name.split(".lora_")[0] + ".lambda"] = p.reshape(-1)
        elif "lora_magnitude_vector" in name:
            values[name.split(".lora_")[0] + ".magnitude"] = p.reshape(-1)
        elif "ia3_l" in name:
            values[name.split(".ia3_l")[0] + ".factors"] = p.reshape(-1)
        elif "prompt_encoder" in name:
            # A prefix has keys and values of every block.
            values["prompt" if p.shape[1] == model.config.hidden_size else "prefix"] = p
        elif name.split(".")[0] in ("classifier", "score"):
            name = name.split(".")[-1]
            values[f"head.{name}"] = p.T.contiguous() if name == "weight" else p
        else:
            values[name] = p
    return values


def adapted(model, family, method, common):
    """The model with PEFT's adapter; of BitFit, which PEFT has not, with its biases and its classifier trained."""
    if method == "bitfit":
        for name, p in model.named_parameters():
            p.requires_grad = name.endswith(".bias") or name.split(".")[0] in ("classifier", "score")
        return model
    if method == "ia3":
        # The defaults of BERT; of OPT PEFT takes queries and keys, the paper keys and values.
        targets = dict(target_modules=["k_proj", "v_proj", "fc2"], feedforward_modules=["fc2"])
        config = IA3Config(task_type="SEQ_CLS", **({} if family == "bert" else targets))
    elif method == "prompt_tuning":
        config = PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3)
    elif method == "prefix_tuning":
        config = PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3)
    elif method == "adalora":
        config = AdaLoraConfig(init_r=3, target_r=2, tinit=1, tfinal=2, deltaT=1, total_step=STEPS, **common)
    else:
        config = LoraConfig(r=2, use_rslora=method == "rslora", use_dora=method == "dora", **common)
    model = get_peft_model(model, config)
    if method == "lora_norms":
        for name, p in model.named_parameters():
            if "original_module" not in name and (name.endswith(".bias") or "norm" in name.lower()):
                p.requires_grad = True
    if method == "ia3":
        # All ones would be a bad test of where they stand.
        for name, p in model.named_parameters():
            if "ia3_l" in name:
                p.data.uniform_(0.5, 1.5)
    if method == "prompt_tuning":
        for name, p in model.named_parameters():
            if "prompt_encoder" in name:
                p.data.normal_(std=0.1)
    return model


def case(family, method, out):
    torch.manual_seed(5)
    pad = 0 if family == "bert" else 1
    # OPT's classifier finds the last token by the ids, and is given none behind a prompt.
    lengths = torch.tensor([9, 9, 9, 9] if method == "prompt_tuning" and family == "opt" else [9, 4, 7, 9])
    model = AutoModelForSequenceClassification.from_pretrained(
        os.path.join(MODELS, family), num_labels=3, attn_implementation="eager", **OFF[family]
    )
    common = dict(lora_alpha=8, lora_dropout=0.0, target_modules=TARGETS.get(family), task_type="SEQ_CLS")
    model = adapted(model, family, method, common)
    run(model, f"{family}.{method}", out, lambda model: initial(model, family), pad, lengths, lambda step: (
        model.base_model.update_and_allocate(step) if method == "adalora" else None
    ), method == "prefix_tuning")


def run(model, key, out, named, pad, lengths, after_step, with_gradients):
    """Trains a model, and records what happens; `named` gives its trained values by their names here."""
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(optimizer, WARMUP, STEPS)
    for name, value in named(model).items():
        out[f"{key}.initial.{name}"] = value.clone()
    ids = torch.randint(3, 30, (4, 9))
    mask = torch.arange(9)[None] < lengths[:, None]
    ids[~mask] = pad
    labels = torch.tensor([0, 2, 1, 2])
    out[f"{key}.ids"], out[f"{key}.lengths"], out[f"{key}.labels"] = (
        t.float().contiguous() for t in (ids, lengths, labels)
    )
    losses = []
    for step in range(1, STEPS + 1):
        result = model(input_ids=ids, attention_mask=mask.long(), labels=labels)
        losses.append(torch.nn.functional.cross_entropy(result.logits, labels).item())
        result.loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        if step == 1 and with_gradients:
            for p in trained:
                p.data, p.grad = p.grad, p.data
            out |= {f"{key}.gradient.{name}": value.clone() for name, value in named(model).items()}
            for p in trained:
                p.data, p.grad = p.grad, p.data
        optimizer.step()
        schedule.step()
        after_step(step)
        optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        out[f"{key}.logits"] = model(input_ids=ids, attention_mask=mask.long()).logits.contiguous()
    out[f"{key}.losses"] = torch.tensor(losses)
    print(key, losses)


def main():
    out = {}
    for family in ("bert", "opt"):
        for method in ("lora", "adalora", "rslora", "dora", "ia3", "prompt_tuning", "bitfit", "lora_norms"):
            case(family, method, out)
    for family in OFF:
        case(family, "prefix_tuning", out)
    save_file(out, OUT)
    os.chmod(OUT, 0o644)


if __name__ == "__main__":
    main()
