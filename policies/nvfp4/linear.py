"""A linear layer whose weight is NVFP4, behind one operator that torch sees as a whole: ``nsctl::nvfp4_linear``.

The layer is a plain module with buffers. What a device multiplies with is derived from them at load: float32 weights on a
CPU, since decoding at each call would cost many times the product; on a GPU bfloat16 without the tensor's scale, which
holds code x block scale exactly, so that the sum is the only thing that is rounded; or, where a kernel is quicker
(:mod:`policies.nvfp4.kernels.choose`), nothing but what is stored. The tensor's scale is then the product's ``alpha``, a
number that is read once, at load: so the library takes one launch, as it does for a bfloat16 weight.
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


def operand(tensor: NVFP4Tensor) -> tuple[Tensor, float]:
    """What the device of ``tensor`` multiplies with, [out, in], and the factor that its products lack.

    On a CPU float32 and 1; elsewhere bfloat16 (unscaled) and the tensor's scale, to read which waits for the device.
    """
    if tensor.codes.device.type in ("cpu", "meta"):
        return dequantise(tensor), 1.0
    return dequantise_unscaled(tensor), float(tensor.tensor_scale)


def scaled_product(x: Tensor, dense: Tensor, factor: float, bias: Tensor | None) -> Tensor:
    """``factor`` x ``x`` [..., in] . ``dense`` [out, in]^T + ``bias`` [out], all of one dtype: one launch, rounded once."""
    rows = x.reshape(-1, x.shape[-1])
    if bias is None:
        out = torch.addmm(x.new_empty(()), rows, dense.t(), beta=0, alpha=factor)  # with beta of 0 it is not read
    else:
        out = torch.addmm(bias.to(x.dtype), rows, dense.t(), alpha=factor)
    return out.view(*x.shape[:-1], dense.shape[0])


@torch.library.custom_op("nsctl::nvfp4_linear", mutates_args=())
def nvfp4_linear(
    x: Tensor,
    weight: Tensor,
    weight_scale: Tensor,
    weight_scale_2: Tensor,
    bias: Tensor | None,
    dense: Tensor | None,
    factor: float,
) -> Tensor:
    """``x`` [..., in] times the NVFP4 weight, plus ``bias`` [out]: [..., out] in the dtype of ``x``.

    ``dense`` and ``factor`` are the :func:`operand` of the other three; without ``dense``, the weight is decoded for this
    call, on a GPU by the kernel that multiplies with it.
    """
    tensor = NVFP4Tensor(weight, weight_scale, weight_scale_2, x.shape[-1])
    if x.is_cuda and (out := multiplied(x, tensor, bias, packed_only=dense is None)) is not None:
        return out
    if dense is not None and dense.dtype == x.dtype != torch.float32:
        return scaled_product(x, dense, factor, bias)
    if dense is None:  # for this call alone: to read the factor would be to wait
        dense = dequantise_unscaled(tensor) if x.is_cuda else dequantise(tensor)
    wide = x.to(dense.dtype)
    if dense.dtype == torch.float32:
        return F.linear(wide, dense, None if bias is None else bias.float()).to(x.dtype)
    sums = torch.mm(wide.reshape(-1, x.shape[-1]), dense.t(), out_dtype=torch.float32) * weight_scale_2
    return (sums if bias is None else sums + bias).view(*x.shape[:-1], dense.shape[0]).to(x.dtype)


@nvfp4_linear.register_fake
def _(x: Tensor, weight: Tensor, *others: object) -> Tensor:
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
    :mod:`policies.nvfp4.file`), and keep their dtypes when a module around them changes its own; the ``bias`` follows it.
    ``dense`` and ``factor`` are derived and never saved; set ``dense`` to None to hold the packed form alone, which is then
    decoded at each call. A CUDA graph has captured both: capture anew after other weights were loaded. No gradients.
    """

    weight: Tensor
    weight_scale: Tensor
    weight_scale_2: Tensor
    bias: nn.Parameter | None
    dense: Tensor | None
    factor: float

    def __init__(self, tensor: NVFP4Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        if bias is not None and bias.shape != tensor.shape[:1]:
            raise InvalidValue(f"the bias of {tensor.shape[0]} rows must be as long, got {list(bias.shape)}")
        self.out_features, self.in_features = tensor.shape
        self.register_buffer("weight", tensor.codes)
        self.register_buffer("weight_scale", tensor.block_scales)
        self.register_buffer("weight_scale_2", tensor.tensor_scale)
        own = None if bias is None else nn.Parameter(bias.detach().clone(), requires_grad=False)
        self.register_parameter("bias", own)
        dense, self.factor = operand(tensor)
        self.register_buffer("dense", dense, persistent=False)

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
        stored = (self.weight, self.weight_scale, self.weight_scale_2)
        out: Tensor = nvfp4_linear(x, *stored, self.bias, self.dense, self.factor)
        return out

    def step_map(self, batch: int, dtype: torch.dtype, normed: bool) -> Map:
        """How the fused kernels of a step apply it; refuses a layer with a bias."""
        if self.bias is not None:
            raise InvalidValue("the fused kernels of a step know no bias, and this layer has one: step it in PyTorch")
        kept = torch.empty(0, self.in_features, dtype=dtype, device=self.weight.device)
        return step_map(self.tensor, kept, batch, dtype, normed)

    def derive(self) -> None:
        """Make ``dense`` and ``factor`` from what is stored: after the buffers were changed by hand."""
        self.dense, self.factor = operand(self.tensor)

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

        def keep(part: Tensor) -> Tensor:
            moved = fn(part)
            return moved if moved.dtype == part.dtype or part is self.bias else part.to(moved.device)

        device = self.weight.device
        super()._apply(keep, recurse)  # type: ignore[no-untyped-call]
        if self.dense is not None and self.weight.device != device:
            self.derive()
        return self

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        if self.dense is not None:
            self.derive()
