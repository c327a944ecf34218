"""Writes golden.safetensors beside it, from other people's NVFP4, and counts where ours differs from theirs.

    pip install ml_dtypes==0.6.0 torchao==0.18.0 nvidia-modelopt==0.47.0 requests compressed-tensors==0.20.0
    python tests/policies/nvfp4/make_golden.py            # counts on large tensors, changes nothing
    python tests/policies/nvfp4/make_golden.py --write    # and writes the file

The tests read the file only, so they need none of these packages. Needs no GPU.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np
import torch
from compressed_tensors.compressors import NVFP4PackedCompressor
from compressed_tensors.quantization import preset_name_to_scheme
from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam
from modelopt.torch.quantization.qtensor.nvfp4_tensor import NVFP4QTensor
from safetensors.torch import save_file
from torch import Tensor
from torchao.prototype.mx_formats.nvfp4_tensor import NVFP4Tensor as TheirTensor
from torchao.prototype.mx_formats.nvfp4_tensor import per_tensor_amax_to_scale
from torchao.prototype.mx_formats.utils import to_blocked

from policies.nvfp4.pack import unpack
from policies.nvfp4.quantise import quantise
from policies.nvfp4.tensor import dequantise

GOLDEN = Path(__file__).with_name("golden.safetensors")
MIDPOINTS = torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0], dtype=torch.float64)
DRAWS: dict[str, Callable[[int, int], Tensor]] = {
    "gaussian": torch.randn,
    "student": lambda rows, columns: torch.distributions.StudentT(3.0).sample((rows, columns)),
    "uniform": lambda rows, columns: torch.rand(rows, columns) * 2 - 1,
    "bfloat16": lambda rows, columns: torch.randn(rows, columns).bfloat16().float(),
    "outliers": lambda rows, columns: torch.randn(rows, columns) * (1 + 99 * (torch.arange(columns) % 61 == 7)),
}


@dataclass(frozen=True)
class Theirs:
    """What another package makes of a weight: packed codes, block scales, the tensor's scale as it stores it, values."""

    codes: Tensor
    block_scales: Tensor
    tensor_scale: Tensor
    values: Tensor


def torchao(weight: Tensor) -> Theirs:
    made = TheirTensor.to_nvfp4(weight, per_tensor_scale=per_tensor_amax_to_scale(weight.abs().max()))
    scales = made.scale.view(len(weight), -1)
    return Theirs(made.qdata, scales, made.per_tensor_scale, made.dequantize(torch.float32))


def modelopt(weight: Tensor) -> Theirs:
    made, scales, whole = NVFP4QTensor.quantize(weight.clone(), 16)
    values = made.dequantize(dtype=torch.float32, scale=scales, double_scale=whole, block_sizes={-1: 16})
    return Theirs(made._quantized_data, scales, whole, values)


def compressed_tensors(weight: Tensor) -> Theirs:
    scheme = preset_name_to_scheme("NVFP4A16", ["Linear"])
    blocks = weight.view(len(weight), -1, 16)
    whole = generate_gparam(weight.min(), weight.max())
    scales, _ = calculate_qparams(blocks.amin(-1), blocks.amax(-1), scheme.weights, global_scale=whole)
    state = {"weight": weight, "weight_scale": scales, "weight_global_scale": whole}
    made = NVFP4PackedCompressor.compress(state, scheme)
    values = NVFP4PackedCompressor.decompress(made, scheme)["weight"]
    return Theirs(made["weight_packed"], made["weight_scale"], made["weight_global_scale"], values)


THEIRS = {"torchao": torchao, "modelopt": modelopt, "compressed_tensors": compressed_tensors}


def special() -> Tensor:
    """[3, 32]: a block of zeros, one too small for any scale, one with -0.0."""
    torch.manual_seed(5)
    weight = torch.randn(3, 32)
    weight[0, :16] = 0.0
    weight[1, :16] *= 1e-7
    weight[2, :16] = torch.tensor([-0.0, 0.0, -0.01, 0.01, 1.0, -1.0, 0.5, -0.5] * 2)
    return weight


def ties() -> Tensor:
    """[64, 16]: midpoints of the grid times the step of their block, so that quotients fall on or beside ties."""
    torch.manual_seed(6)
    scales = torch.randint(1, 127, (64, 1), dtype=torch.uint8).view(torch.float8_e4m3fn).float()
    scales[0] = 448.0
    weight = MIDPOINTS.float()[torch.randint(7, (64, 16))] * torch.randn(64, 16).sign()
    weight[:, 0] = 6.0
    return weight * (scales * 0.0123)


def scale_ties() -> Tensor:
    """[rows, 16]: bfloat16 blocks whose scales torchao, which divides twice, rounds otherwise; the first is the largest.

    Few tensors have such blocks, for it needs a largest magnitude with which quotients fall on ties: the first that has.
    """
    torch.manual_seed(7)
    while True:
        weight = torch.randn(2**14, 16).bfloat16().float()
        differ = (torchao(weight).block_scales.float() != modelopt(weight).block_scales.float()).flatten()
        if int(differ.sum()) > 5:
            return torch.cat([weight[weight.abs().amax(1).argmax()][None], weight[differ][:31]])


def elements() -> dict[str, Tensor]:
    """For each E2M1 and E4M3: where in the 2^16 patterns of bfloat16 the code changes, and to what."""
    floats = np.arange(2**16, dtype=np.uint16).view(ml_dtypes.bfloat16)
    made = {}
    for name, kind in (("e2m1", ml_dtypes.float4_e2m1fn), ("e4m3", ml_dtypes.float8_e4m3fn)):
        codes = floats.astype(kind).view(np.uint8)
        starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
        made[f"{name}.starts"] = torch.from_numpy(starts.astype(np.int32))
        made[f"{name}.codes"] = torch.from_numpy(codes[starts])
    return made


def golden() -> dict[str, Tensor]:
    """All that the file holds."""
    torch.manual_seed(8)
    weights = {name: draw(8, 64) for name, draw in DRAWS.items()} | {
        "special": special(),
        "ties": ties(),
        "scale_ties": scale_ties(),
    }
    made = elements()
    for name, weight in weights.items():
        made[f"{name}.weight"] = weight
        for oracle, convert in THEIRS.items():
            made |= {f"{name}.{oracle}.{part}": value.clone() for part, value in vars(convert(weight)).items()}
    scales = torch.randint(0, 256, (133, 9), dtype=torch.uint8)
    return made | {"swizzle.scales": scales, "swizzle.blocked": to_blocked(scales).flatten()}


def compare(draw: Callable[[int, int], Tensor], tensors: int = 5) -> None:
    """Print for each oracle how many of ours, by ``max``, differ in as many weights of 2048 x 1024."""
    weights = [draw(2048, 1024) for _ in range(tensors)]
    for oracle, convert in THEIRS.items():
        found = torch.stack([differences(weight, convert(weight)) for weight in weights])
        scales, codes, values = found[:, :3].sum(0).long().tolist()
        print(
            f"  {oracle:18} scales {scales}, codes {codes} (at most {found[:, 3].max():.0e} from a tie), values {values}"
        )


def differences(weight: Tensor, theirs: Theirs) -> Tensor:
    """[4]: block scales, codes and values that differ, and how far off a tie, relatively, the furthest such code was."""
    ours = quantise(weight, "max")
    quotients = (torch.unflatten(weight, 1, (-1, 16)).double() / ours.scales.steps()).abs().flatten(1)
    differ = unpack(ours.codes) != unpack(theirs.codes)
    off = ((quotients[differ][:, None] - MIDPOINTS) / MIDPOINTS).abs().amin(1)
    scales = (ours.block_scales.float() != theirs.block_scales.float()).sum()
    values = (dequantise(ours) != theirs.values).sum()
    return torch.stack([scales, differ.sum(), values, off.max() if len(off) else torch.zeros(())]).double()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    torch.manual_seed(0)
    for name, draw in DRAWS.items():
        print(f"{name}: of {5 * 2048 * 1024 // 16} block scales and {5 * 2048 * 1024} codes differ")
        compare(draw)
    if write:
        save_file(golden(), GOLDEN)
        print(f"{GOLDEN}: {GOLDEN.stat().st_size} bytes")
