"""Which numbers of a policy are NVFP4, by the role that they play in it.

Four bits are for matrices whose errors average out: the rows of a block's in-projection that make x, z, B and C, the
out-projection, and MLPs. Kept in bfloat16 are the in-projection's rows for dt, A, lambda and theta (few, and what they set
is compounded from moment to moment: published models keep them too, Model-Optimizer's *conservative* recipes), norms,
embeddings and the heads; in float32 what :func:`policies.mamba3.block.cast` keeps so. The recurrent state is float32.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nsctl.errors import InvalidValue, UnknownName
from policies.mamba3.block import Mamba3
from policies.mamba3.stack import SwiGLU
from policies.nvfp4.linear import NVFP4Linear, step_map
from policies.nvfp4.quantise import quantise
from policies.nvfp4.scales import Rule, Scales
from policies.nvfp4.tensor import NVFP4Tensor, dequantise
from policies.skills.mlp import MlpStack

if TYPE_CHECKING:
    from policies.mamba3.kernels.linear import Map

WIDE = ("dt_bias", "B_bias", "C_bias", "D", "mimo_x", "mimo_z", "mimo_o")
"""Parameters that are stored in float32: in bfloat16 a step size of 0.001 would be off by up to 1.6 %."""


class SplitLinear(nn.Module):
    """A map [..., in] to [..., out] whose first rows are NVFP4 and whose last, ``kept`` [k, in], are not; k may be 0."""

    def __init__(self, quantised: NVFP4Linear, kept: Tensor) -> None:
        super().__init__()
        if quantised.bias is not None or kept.ndim != 2 or kept.shape[1] != quantised.in_features:
            wanted = f"[k, {quantised.in_features}], and no bias"
            raise InvalidValue(f"the kept rows beside NVFP4 ones must be {wanted}, got {list(kept.shape)}")
        self.quantised, self.kept = quantised, nn.Parameter(kept.detach().clone(), requires_grad=False)

    @property
    def weight(self) -> Tensor:
        """[out, in] of all rows in the precision of the kept ones, decoded anew."""
        return torch.cat([dequantise(self.quantised.tensor).to(self.kept.dtype), self.kept])

    def step_map(self, batch: int, dtype: torch.dtype, normed: bool) -> Map:
        """How the fused kernels of a step apply it: packed where that was measured to be quicker, else decoded now."""
        return step_map(self.quantised.tensor, self.kept, batch, dtype, normed)

    def forward(self, x: Tensor) -> Tensor:
        if not len(self.kept):
            out: Tensor = self.quantised(x)
            return out
        return torch.cat([self.quantised(x), F.linear(x, self.kept)], -1)


@dataclass(frozen=True)
class LayerReport:
    """What became of one matrix: rows in NVFP4 and rows kept, stored bytes (before: in bfloat16), and the error.

    ``weight_error`` is |quantised - weight| / |weight| over the NVFP4 rows (Frobenius norms); 0 for a layer left alone.
    """

    name: str
    rows: int
    kept: int
    before: int
    after: int
    weight_error: float


@dataclass(frozen=True)
class Report:
    """A quantised network: its ``layers``, the NVFP4 ``tensors`` by layer, and the bytes of all weights."""

    layers: tuple[LayerReport, ...]
    tensors: Mapping[str, NVFP4Tensor]
    before: int
    after: int

    @property
    def quantised_ratio(self) -> float | None:
        """Bytes of the NVFP4 rows against the same in bfloat16; ``None`` if there are none."""
        dense = sum(2 * tensor.shape[0] * tensor.shape[1] for tensor in self.tensors.values())
        return sum(tensor.nbytes for tensor in self.tensors.values()) / dense if dense else None


def quantisable(network: nn.Module) -> dict[str, int]:
    """The matrices of ``network`` that may be NVFP4, by their modules' names, and how many of their first rows."""
    found: dict[str, int] = {}
    for name, module in network.named_modules():
        at = f"{name}." if name else ""
        if isinstance(module, Mamba3):
            found |= {f"{at}in_proj": sum(module.sizes[:4]), f"{at}out_proj": module.config.d_model}
        elif isinstance(module, SwiGLU):
            found |= {f"{at}fc1": len(module.fc1.weight), f"{at}fc2": len(module.fc2.weight)}
        elif isinstance(module, MlpStack):
            inner = [(part, linear) for part, linear in module.named_modules() if isinstance(linear, nn.Linear)]
            found |= {f"{at}{part}": len(linear.weight) for part, linear in inner}
    return found


def quantise_network(
    network: nn.Module,
    rule: Rule = "search",
    exclude: Collection[str] = (),
    scales: Mapping[str, Scales] | None = None,
) -> Report:
    """Swap the linear maps of ``network``, in place, for NVFP4 ones; round what is kept to how it is stored.

    ``exclude`` names layers (of :func:`quantisable`) that are kept whole; those in ``scales`` have theirs, the others get
    them by ``rule``.
    """
    roles = quantisable(network)
    for name in exclude:
        if name not in roles:
            raise UnknownName("layer that can be quantised", name, roles)
    layers, tensors, before = [], {}, _stored(network)
    for name, rows in roles.items():
        weight = _linear(network, name).weight.detach()
        if name not in exclude:
            tensors[name] = quantise(weight[:rows], (scales or {}).get(name, rule))
        layers.append(_report(name, weight, rows, tensors.get(name)))
    install(network, tensors)
    round_kept(network)
    saved = sum(layer.before - layer.after for layer in layers)
    return Report(tuple(layers), tensors, before, before - saved)


def install(network: nn.Module, tensors: Mapping[str, NVFP4Tensor]) -> None:
    """Put layers with these weights in the place of those linear maps of ``network``, whose last rows are kept."""
    for name, tensor in tensors.items():
        old, (parent, _, child) = _linear(network, name), name.rpartition(".")
        owner, layer = network.get_submodule(parent), NVFP4Linear(tensor.to(old.weight.device), old.bias)
        split = isinstance(owner, Mamba3)  # which asks its projections for the precision that it computes in
        setattr(owner, child, SplitLinear(layer, old.weight[tensor.shape[0] :]) if split else layer)


@torch.no_grad()
def round_kept(network: nn.Module) -> None:
    """Round the parameters of ``network``, in place and in their own dtypes, to the precision in which they are stored."""
    for name, parameter in network.named_parameters():
        parameter.copy_(parameter.to(stored_dtype(name)))


def stored_dtype(name: str) -> torch.dtype:
    """In what a parameter of this name that is not NVFP4 is stored."""
    return torch.float32 if name.rpartition(".")[2] in WIDE else torch.bfloat16


def _linear(network: nn.Module, name: str) -> nn.Linear:
    module = network.get_submodule(name)
    if not isinstance(module, nn.Linear):
        raise InvalidValue(f"the layer {name} is quantised already ({type(module).__name__}): begin with its teacher")
    return module


def _stored(network: nn.Module) -> int:
    """Bytes of all parameters, none of them in NVFP4."""
    return sum(p.numel() * stored_dtype(name).itemsize for name, p in network.named_parameters())


def _report(name: str, weight: Tensor, rows: int, tensor: NVFP4Tensor | None) -> LayerReport:
    whole = torch.bfloat16.itemsize * weight.numel()
    if tensor is None:
        return LayerReport(name, 0, len(weight), whole, whole, 0.0)
    error = (dequantise(tensor) - weight[:rows]).norm() / weight[:rows].norm().clamp(min=1e-30)
    kept = len(weight) - rows
    after = tensor.nbytes + torch.bfloat16.itemsize * kept * weight.shape[1]
    return LayerReport(name, rows, kept, whole, after, float(error))
