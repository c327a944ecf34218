"""A linear layer whose weight is NVFP4, behind one operator that torch sees as a whole: ``nsctl::nvfp4_linear``.

The layer is a plain module with buffers. What a device multiplies with is derived from them at load: float32 weights on a
CPU, since decoding at each call would cost many times the product; on a GPU bfloat16 without the tensor's scale, which
holds code x block scale exactly, so that the sum is the only thing that is rounded; or, where a kernel is quicker
(:mod:`policies.nvfp4.kernels.choose`), nothing but what is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nsctl.errors import InvalidValue
from policies.nvfp4.kernels.choose import multiplied, step_plan
from policies.nvfp4.quantise import quantise
from policies.nvfp4.scales import Rule
from policies.nvfp4.tensor import NVFP4Tensor, dequantise, dequantise_unscaled, zeros

if TYPE_CHECKING:
    from policies.mamba3.kernels.linear import Map


def operand(tensor: NVFP4Tensor) -> Tensor:
    """[out, in]: what the device of ``tensor`` multiplies with; float32 on a CPU, bfloat16 (unscaled) elsewhere."""
    return dequantise(tensor) if tensor.codes.device.type in ("cpu", "meta") else dequantise_unscaled(tensor)


@torch.library.custom_op("nsctl::nvfp4_linear", mutates_args=())
def nvfp4_linear(
    x: Tensor, weight: Tensor, weight_scale: Tensor, weight_scale_2: Tensor, bias: Tensor | None, dense: Tensor | None
) -> Tensor:
    """``x`` [..., in] times the NVFP4 weight, plus ``bias`` [out]: [..., out] in the dtype of ``x``.

    ``dense`` is the :func:`operand` of the other three; without it, the weight is decoded for this call, on a GPU by the
    kernel that multiplies with it.
    """
    tensor = NVFP4Tensor(weight, weight_scale, weight_scale_2, x.shape[-1])
    if x.is_cuda and (out := multiplied(x, tensor, bias, packed_only=dense is None)) is not None:
        return out
    if dense is None:
        dense = operand(tensor)
    wide = x.to(dense.dtype)
    if dense.dtype == torch.float32:
        return F.linear(wide, dense, None if bias is None else bias.float()).to(x.dtype)
    sums = torch.mm(wide.flatten(0, -2), dense.t(), out_dtype=torch.float32) * weight_scale_2
    return (sums if bias is None else sums + bias).view(*x.shape[:-1], -1).to(x.dtype)


@nvfp4_linear.register_fake
def _(
    x: Tensor, weight: Tensor, weight_scale: Tensor, weight_scale_2: Tensor, bias: Tensor | None, dense: Tensor | None
) -> Tensor:
    return x.new_empty(*x.shape[:-1], weight.shape[0])


def step_map(tensor: NVFP4Tensor, kept: Tensor, batch: int, dtype: torch.dtype, normed: bool) -> Map:
    """How the fused kernels of a step (:mod:`policies.mamba3.kernels.decode`) apply ``tensor`` with ``kept`` [k, in] below.

    By the plan for this device, batch and shape: by kernels that read what is stored, or by those of dense weights, decoded
    here and rounded to ``dtype`` with their scale.
    """
    from policies.mamba3.kernels.linear import DenseMap  # Triton is heavy, and not everywhere

    shape = (tensor.shape[0] + len(kept), tensor.columns)
    if step_plan(tensor.codes.device, shape, batch, dtype, normed).kernel == "dense":
        return DenseMap(torch.cat([dequantise(tensor).to(dtype), kept.to(dtype)]), batch)
    from policies.nvfp4.kernels.step import PackedMap

    return PackedMap(tensor, kept, batch, dtype, normed)


class NVFP4Linear(nn.Module):
    """Maps [..., in] to [..., out], floating point of any kind, with the weight in 4.5 bits an element.

    ``weight`` uint8, ``weight_scale`` float8_e4m3fn and ``weight_scale_2`` float32 are what is stored (their names in
    :mod:`policies.nvfp4.file`), and keep their dtypes when a module around them changes its own. ``dense`` is derived and
    never saved; set it to None to hold the packed form alone, which is then decoded at each call. No gradients.
    """

    weight: Tensor
    weight_scale: Tensor
    weight_scale_2: Tensor
    bias: Tensor | None
    dense: Tensor | None

    def __init__(self, tensor: NVFP4Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        if bias is not None and bias.shape != tensor.shape[:1]:
            raise InvalidValue(f"the bias of {tensor.shape[0]} rows must be as long, got {list(bias.shape)}")
        self.out_features, self.in_features = tensor.shape
        self.register_buffer("weight", tensor.codes)
        self.register_buffer("weight_scale", tensor.block_scales)
        self.register_buffer("weight_scale_2", tensor.tensor_scale)
        self.register_buffer("bias", None if bias is None else bias.detach().clone())
        self.register_buffer("dense", operand(tensor), persistent=False)

    @classmethod
    def of(cls, linear: nn.Linear, rule: Rule = "search") -> NVFP4Linear:
        """``linear`` with its weight quantised."""
        return cls(quantise(linear.weight, rule), linear.bias)

    @classmethod
    def empty(cls, in_features: int, out_features: int, bias: bool = False) -> NVFP4Linear:
        """A layer of zeros, for a ``state_dict`` to be loaded into."""
        return cls(zeros(out_features, in_features), torch.zeros(out_features) if bias else None)

    @property
    def tensor(self) -> NVFP4Tensor:
        """The weight."""
        return NVFP4Tensor(self.weight, self.weight_scale, self.weight_scale_2, self.in_features)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = nvfp4_linear(x, self.weight, self.weight_scale, self.weight_scale_2, self.bias, self.dense)
        return out

    def step_map(self, batch: int, dtype: torch.dtype, normed: bool) -> Map:
        """How the fused kernels of a step apply it; refuses a layer with a bias."""
        if self.bias is not None:
            raise InvalidValue("the fused kernels of a step know no bias, and this layer has one: step it in PyTorch")
        kept = torch.empty(0, self.in_features, dtype=dtype, device=self.weight.device)
        return step_map(self.tensor, kept, batch, dtype, normed)

    def derive(self) -> None:
        """Make ``dense`` from what is stored: after the buffers were changed by hand."""
        self.dense = operand(self.tensor)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle, in which torch cannot read E4M3 back: the block scales as bytes."""
        return {**self.__dict__, "_buffers": {**self._buffers, "weight_scale": self.weight_scale.view(torch.uint8)}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.weight_scale = self.weight_scale.view(torch.float8_e4m3fn)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> NVFP4Linear:
        """Follow moves to another device, not changes of dtype: codes and scales mean nothing in another one."""

        def keep(buffer: Tensor) -> Tensor:
            moved = fn(buffer)
            return moved if moved.dtype == buffer.dtype else buffer.to(moved.device)

        device = self.weight.device
        super()._apply(keep, recurse)  # type: ignore[no-untyped-call]
        if self.dense is not None and self.weight.device != device:
            self.derive()
        return self

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        if self.dense is not None:
            self.derive()
