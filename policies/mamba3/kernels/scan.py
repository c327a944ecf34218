"""A block's whole sequence on a GPU: what :meth:`Mamba3.scan` calls there, differentiable with respect to all but states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nsctl.errors import InvalidValue
from policies.mamba3.config import Mamba3Config
from policies.mamba3.kernels.forward import CHUNK, Heads, forward
from policies.mamba3.kernels.front import Front, Saved, front
from policies.mamba3.recurrence import Mamba3State

if TYPE_CHECKING:
    from policies.mamba3.block import Mamba3


@torch.compiler.disable  # compiled along with what is around it, the backward once read memory that was not its own
def fused_scan(
    block: Mamba3, u: Tensor, state: Mamba3State | None, reset: Tensor | None, lengths: Tensor | None,
    chunk: int | None = None,
) -> tuple[Tensor, Mamba3State]:  # fmt: skip
    """[B, L, D] to [B, L, D] and the state after each row, as :meth:`Mamba3.scan`; from rest where ``state`` is None.

    No gradient passes through the state that comes out, and a loss that asks for one is told so: a sequence whose loss
    reaches back over a cut is for the PyTorch form.
    """
    b = block
    parameters = (b.dt_bias, b.B_norm.weight, b.C_norm.weight, b.B_bias, b.C_bias, b.D)
    parts = (None,) * 4 if state is None else tuple(part.detach() for part in vars(state).values())
    proj = b.in_proj(u)
    # kernels count from where a tensor begins: what is a slice or a transpose is laid out anew
    given = (None if part is None else part.contiguous() for part in (proj, *parameters, *parts, reset, lengths))
    y, *last = _Scan.apply(*given, b.config, chunk or CHUNK[proj.dtype])
    if y.requires_grad:
        last = [_Cut.apply(part, y) for part in last]
    return b.out_proj(y), Mamba3State(*last)


class _Cut(torch.autograd.Function):
    """A part of the last state, which would otherwise look like one that no parameter had a share in."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, y: Tensor) -> Tensor:
        return part.view_as(part)

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[None, None]:
        raise InvalidValue(
            "the kernels give no gradient through the state after a sequence: detach it where the sequence is cut, "
            "or set the blocks' backend to torch"
        )


class _Scan(torch.autograd.Function):
    """Everything between the two projections."""

    @staticmethod
    def forward(
        ctx: Any, proj: Tensor, dt_bias: Tensor, B_norm: Tensor, C_norm: Tensor, B_bias: Tensor, C_bias: Tensor,
        D: Tensor, angle: Tensor | None, h: Tensor | None, k: Tensor | None, x: Tensor | None, reset: Tensor | None,
        lengths: Tensor | None, config: Mamba3Config, chunk: int,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """y [B, L, E] and the four parts of the last state."""
        state = None if angle is None or h is None or k is None or x is None else Mamba3State(angle, h, k, x)
        given = front(proj, config, dt_bias, B_norm, C_norm, lengths)
        heads = Heads(B_bias, C_bias, D)
        walked = forward(proj, given, heads, config, state, reset=reset, lengths=lengths, chunk=chunk)
        if any(ctx.needs_input_grad):
            drive, kept = tuple(vars(given).values()), (walked.starts, walked.angles)
            parameters = (dt_bias, B_norm, C_norm, B_bias, C_bias, D)
            ctx.save_for_backward(proj, *drive, *kept, *parameters, reset, lengths, angle, h, k, x)
            ctx.config, ctx.chunk = config, chunk
        last = tuple(vars(walked.state).values())
        ctx.mark_non_differentiable(*last)
        return walked.y, *last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of the projections and of the six parameters."""
        from policies.mamba3.kernels.backward import backward

        proj, *tensors = ctx.saved_tensors
        drive, kept, parameters, (reset, lengths) = tensors[:6], tensors[6:8], tensors[8:14], tensors[14:16]
        state = None if tensors[16] is None else Mamba3State(*tensors[16:])
        saved: tuple[Any, ...] = (ctx.config, proj, Front(*drive), *kept, *parameters, reset, lengths, ctx.chunk)
        slopes = backward(dy, Saved(*saved), state)
        own = (slopes.dt_bias, slopes.B_norm, slopes.C_norm, slopes.B_bias, slopes.C_bias, slopes.D)
        return slopes.proj, *(slope.to(p.dtype) for slope, p in zip(own, parameters, strict=True)), *(None,) * 8
