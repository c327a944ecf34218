"""Quantised policies on disk: safetensors in which every NVFP4 weight says how it is to be read.

A layer ``l`` is three tensors, named as in NVIDIA's modelopt: ``l.weight`` (uint8, packed codes), ``l.weight_scale``
(float8_e4m3fn) and ``l.weight_scale_2`` (float32 []). Other packages use these names, dtypes and shapes, or some of them,
for other numbers: read by the wrong convention, weights load and nearly work. So the metadata state the convention, and a
file that states none or another is refused. Kernels' own layouts are made from these tensors and never stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nsctl.errors import InvalidValue, UnknownName
from policies.nvfp4.elements import E4M3_LEAST, E4M3_MAX
from policies.nvfp4.pack import PACKING
from policies.nvfp4.quantise import ARITHMETIC
from policies.nvfp4.scales import BLOCK, LARGEST, RULES, Rule
from policies.nvfp4.tensor import NVFP4Tensor

VERSION = 1
KEY = "nvfp4"
"""The entry of the file's metadata that holds ours, as JSON."""
CONVENTION: dict[str, Any] = {
    "version": VERSION,
    "block": BLOCK,
    "packing": PACKING,
    "clamp": [E4M3_LEAST, E4M3_MAX],
    "tensor_scale": "multiplier",
    "arithmetic": ARITHMETIC,
}
"""What every file of this version states in the same words."""
PARTS = ("weight", "weight_scale", "weight_scale_2")


@dataclass(frozen=True, eq=False)
class QuantisedWeights:
    """A policy's weights: ``layers`` in NVFP4 by their names, with scales by ``rule``; all else is ``exact``.

    ``exclusions`` give those weights of ``exact`` that stayed so on purpose the reason why. ``teacher`` is the SHA-256 of
    the file that the policy was quantised from.
    """

    layers: Mapping[str, NVFP4Tensor]
    exact: Mapping[str, Tensor]
    rule: Rule
    teacher: str
    exclusions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise UnknownName("rule for block scales", str(self.rule), RULES)
        if not re.fullmatch("[0-9a-f]{64}", str(self.teacher)):
            raise InvalidValue(f"the teacher is named by its file's SHA-256 in 64 hex digits, got {self.teacher!r}")
        if absent := sorted(set(self.exclusions) - set(self.exact)):
            raise InvalidValue(f"excluded weights must be among the exact ones: {', '.join(absent)} are not")
        if twice := sorted({f"{layer}.{part}" for layer in self.layers for part in PARTS} & set(self.exact)):
            raise InvalidValue(f"a weight is either quantised or exact: {', '.join(twice)} are both")


def write_quantised(path: Path, weights: QuantisedWeights) -> None:
    """Write ``weights`` to one safetensors file: the same bytes each time, since metadata of one entry have one order."""
    tensors = dict(weights.exact)
    for name, layer in weights.layers.items():
        parts = (layer.codes, layer.block_scales, layer.tensor_scale)
        tensors |= {f"{name}.{part}": value for part, value in zip(PARTS, parts, strict=True)}
    stated = CONVENTION | {
        "rule": weights.rule,
        "largest_block_scale": LARGEST[weights.rule],
        "shapes": {name: layer.shape for name, layer in weights.layers.items()},
        "exclusions": dict(weights.exclusions),
        "teacher": weights.teacher,
    }
    save_file({n: t.detach().contiguous() for n, t in tensors.items()}, path, {KEY: json.dumps(stated)})


def read_quantised(path: Path, device: str = "cpu") -> QuantisedWeights:
    """The weights in ``path``, on ``device``; refuses files of another convention and damaged ones. Nothing is unpickled."""
    try:
        with safe_open(path, "pt", device) as file:
            stated, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InvalidValue(f"{path} cannot be read as safetensors: {error}") from error
    try:
        return _assembled(_convention(stated or {}, tensors), tensors)
    except InvalidValue as error:
        raise InvalidValue(f"{path}: {error}") from error


def _convention(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """What the file states of itself, if it is what this package reads."""
    if KEY not in metadata:
        raise InvalidValue(_whose(tensors))
    try:
        stated: dict[str, Any] = dict(json.loads(metadata[KEY]))
    except (ValueError, TypeError) as error:
        raise InvalidValue(f"its metadata {KEY!r} are no JSON object: quantise the policy again") from error
    if missing := sorted({*CONVENTION, "rule", "shapes", "exclusions", "teacher"} - set(stated)):
        raise InvalidValue(f"its metadata lack {', '.join(missing)}: quantise the policy again")
    for name, ours in CONVENTION.items():
        if stated[name] != ours:
            raise InvalidValue(f"its {name} is {stated[name]!r}, and this version of nsctl reads {ours!r}")
    return stated


def _whose(tensors: Mapping[str, Tensor]) -> str:
    """By the names of its tensors: what a file without our metadata probably is, and what to do with it."""
    endings = {name.rpartition(".")[2] for name in tensors}
    if endings & {"weight_packed", "weight_global_scale"}:
        return (
            "this is the convention of compressed-tensors, whose tensor scale is a reciprocal: "
            "read it with policies.nvfp4.convert.read_compressed_tensors"
        )
    if "weight_scale_2" in endings:
        return (
            "these are the names of modelopt, but no metadata state packing and scales: quantise the policy with nsctl"
        )
    return "it holds no NVFP4 weights of nsctl (no metadata 'nvfp4'): quantise the policy with nsctl"


def _assembled(stated: Mapping[str, Any], tensors: dict[str, Tensor]) -> QuantisedWeights:
    layers, exact = {}, dict(tensors)
    for name, shape in stated["shapes"].items():
        if missing := [part for part in PARTS if f"{name}.{part}" not in exact]:
            raise InvalidValue(f"the layer {name} lacks {', '.join(missing)}")
        codes, scales, whole = (exact.pop(f"{name}.{part}") for part in PARTS)
        try:
            layers[name] = NVFP4Tensor(codes, scales, whole, int(shape[1]))
            layers[name].check_scales()
        except InvalidValue as error:
            raise InvalidValue(f"the layer {name}: {error}") from error
        if list(layers[name].shape) != list(shape):
            raise InvalidValue(f"the layer {name} is stated to be {list(shape)}, and is {list(layers[name].shape)}")
    if stray := [name for name in exact if name.endswith(PARTS[1:])]:
        raise InvalidValue(f"{', '.join(stray)} belong to no layer that the metadata name")
    return QuantisedWeights(layers, exact, stated["rule"], stated["teacher"], stated["exclusions"])
