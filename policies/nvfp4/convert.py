"""NVFP4 in the convention of compressed-tensors (llm-compressor, vLLM), read and written knowingly.

A layer ``l`` is there ``l.weight_packed`` (our codes), ``l.weight_scale`` (our block scales) and ``l.weight_global_scale``
(float32 [1]), the reciprocal of our tensor scale: a weight is code x (block scale / global scale). Two reciprocals in a row
may end one unit in the last place beside where they began, so a tensor scale may come back 1.2e-7 off.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.nvfp4.scales import BLOCK
from policies.nvfp4.tensor import NVFP4Tensor

PARTS = ("weight_packed", "weight_scale", "weight_global_scale")


def to_compressed_tensors(layers: Mapping[str, NVFP4Tensor]) -> dict[str, Tensor]:
    """The tensors of these ``layers`` under the other convention's names."""
    tensors: dict[str, Tensor] = {}
    for name, layer in layers.items():
        if layer.columns % BLOCK:
            raise InvalidValue(
                f"compressed-tensors knows no padding: the {layer.columns} columns of {name} must be a multiple of {BLOCK}"
            )
        parts = (layer.codes, layer.block_scales, layer.tensor_scale.reciprocal().view(1))
        tensors |= {f"{name}.{part}": value for part, value in zip(PARTS, parts, strict=True)}
    return tensors


def from_compressed_tensors(tensors: Mapping[str, Tensor]) -> tuple[dict[str, NVFP4Tensor], dict[str, Tensor]]:
    """The layers that are NVFP4 in ``tensors``, by name, and all other tensors as they are."""
    layers, rest = {}, dict(tensors)
    for name in [key.removesuffix(".weight_packed") for key in tensors if key.endswith(".weight_packed")]:
        if f"{name}.weight_zero_point" in rest:
            raise InvalidValue(f"{name} has a zero point: NVFP4 is symmetric and has none")
        if missing := [part for part in PARTS if f"{name}.{part}" not in rest]:
            raise InvalidValue(f"{name} lacks {', '.join(missing)}: is it NVFP4 (nvfp4-pack-quantized)?")
        codes, scales, whole = (rest.pop(f"{name}.{part}") for part in PARTS)
        if whole.numel() != 1:
            raise InvalidValue(f"the global scale of {name} must be one number, got {list(whole.shape)}")
        layers[name] = NVFP4Tensor(codes, scales, whole.view(()).reciprocal(), 2 * codes.shape[-1])
        layers[name].check_scales()
    return layers, rest


def write_compressed_tensors(path: Path, layers: Mapping[str, NVFP4Tensor], exact: Mapping[str, Tensor]) -> None:
    """Write a safetensors file of that convention; ``exact`` are the tensors that are not quantised."""
    tensors = {**exact, **to_compressed_tensors(layers)}
    save_file({n: t.detach().contiguous() for n, t in tensors.items()}, path, {"format": "pt"})


def read_compressed_tensors(path: Path) -> tuple[dict[str, NVFP4Tensor], dict[str, Tensor]]:
    """What :func:`from_compressed_tensors` makes of the safetensors file at ``path``, which must hold such layers."""
    try:
        layers, rest = from_compressed_tensors(load_file(path))
    except (OSError, SafetensorError) as error:
        raise InvalidValue(f"{path} cannot be read as safetensors: {error}") from error
    if not layers:
        raise InvalidValue(f"{path} holds no weight_packed: it is not of the compressed-tensors convention")
    return layers, rest
