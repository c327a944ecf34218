"""By what each layer of a quantised policy is computed where it plays, and why: for a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from nsctl.errors import InvalidValue
from policies.nvfp4.kernels.choose import Plan, plan, step_plan
from policies.nvfp4.linear import NVFP4Linear
from policies.nvfp4.roles import SplitLinear

NORMED = ("in_proj", "fc1")
"""The last names of those maps that come behind a norm."""


@dataclass(frozen=True)
class Played:
    """How a layer is computed: from weights ``packed`` as stored, ``decoded`` once at load, or ``whole``; and why."""

    kernel: Literal["packed", "decoded", "whole"]
    why: str


def played_by(layers: Mapping[str, nn.Module], device: torch.device, batch: int = 1) -> dict[str, Played]:
    """For each of a policy's ``layers`` by name, in a step of ``batch`` executions on ``device``; in bfloat16 on a GPU."""
    return {name: _of(name, layer, device, batch) for name, layer in layers.items()}


def _of(name: str, layer: nn.Module, device: torch.device, batch: int) -> Played:
    if isinstance(layer, nn.Linear):
        return Played("whole", "it is excluded, and stays in bfloat16")
    if not isinstance(layer, NVFP4Linear | SplitLinear):
        raise InvalidValue(f"the layer {name} is a {type(layer).__name__}, and no linear map")
    if device.type == "cpu":
        return Played("decoded", "a CPU multiplies float32 quicker than it decodes")
    chosen = _planned(name, layer, device, batch)
    return Played("decoded" if chosen.kernel == "dense" else "packed", chosen.reason)


def _planned(name: str, layer: NVFP4Linear | SplitLinear, device: torch.device, batch: int) -> Plan:
    """In a step by fused kernels, which know no bias; or as a product by itself."""
    inner, kept = (layer, 0) if isinstance(layer, NVFP4Linear) else (layer.quantised, len(layer.kept))
    if inner.bias is not None:
        return plan(device, (inner.out_features, inner.in_features), batch)
    shape, normed = (inner.out_features + kept, inner.in_features), name.rpartition(".")[2] in NORMED
    return step_plan(device, shape, batch, torch.bfloat16, normed)
