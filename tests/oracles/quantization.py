"""Golden values for weights in few bits: a matrix, and what bitsandbytes makes of it.

    python tests/oracles/quantization.py    # rewrites crates/lm/tests/fixtures/values/quantized.safetensors
"""

from pathlib import Path

import torch
from bitsandbytes import functional
from safetensors.torch import save_file

FIXTURE = Path(__file__).parents[2] / "crates" / "lm" / "tests" / "fixtures" / "values" / "quantized.safetensors"
# More blocks of 64 than the 256 that share a scale of their own.
OUTPUTS, INPUTS = 136, 128


def nf4(weight):
    codes, state = functional.quantize_4bit(weight, blocksize=64, compress_statistics=True, quant_type="nf4")
    assert state.nested
    return functional.dequantize_4bit(codes, state)


def int8(weight):
    codes, scales, _ = functional.int8_vectorwise_quant(weight)
    return codes.float() * (scales / 127.0).unsqueeze(1)


def main():
    torch.manual_seed(0)
    weight = torch.randn(OUTPUTS, INPUTS) * torch.rand(OUTPUTS, 1) * 0.1
    # Rows of an odd width, so that blocks begin within rows; the whole ends within a block.
    odd = torch.randn(33, 77) * 0.05
    tensors = {"weight": weight, "odd": odd}
    for name in ["weight", "odd"]:
        tensors[f"{name}.nf4"] = nf4(tensors[name].contiguous())
        tensors[f"{name}.int8"] = int8(tensors[name])
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, FIXTURE)


if __name__ == "__main__":
    main()
