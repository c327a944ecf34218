"""Gradients of a whole sequence in six launches, without a rotated key or query of any head in memory.

1. :func:`~.backward_carry.carry_state` walks the chunks from the last to the first with the slope of the state alone.
2. :func:`~.backward_local.back_in_chunk` recomputes each chunk from the states at its ends, all chunks side by side:
   once for queries and once for keys.
3. :func:`~.backward_carry.carry_turn` hands the slopes of angles on to earlier chunks.
4. :func:`~.backward_front.back_norm` and 5. :func:`~.backward_front.back_drive` go through the front end.

What many heads or chunks add to is summed in a fixed order: the same gradients, to the bit, every time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from policies.mamba3.kernels.available import BLACKWELL, generation, interpreted
from policies.mamba3.kernels.backward_carry import carry_state, carry_turn
from policies.mamba3.kernels.backward_front import back_drive, back_norm
from policies.mamba3.kernels.backward_local import back_in_chunk
from policies.mamba3.kernels.front import Saved
from policies.mamba3.recurrence import Mamba3State

BUSY = 256
"""Programs that keep a GPU busy: heads of a chunk are handed to as few of them, one after the other, as that allows."""


@dataclass(frozen=True)
class Gradients:
    """The slopes of what the forward took; float32 but for ``proj``."""

    proj: Tensor  # [B, L, rows], in its own precision
    dt_bias: Tensor  # [H]
    B_norm: Tensor  # [N], the norms' weights
    C_norm: Tensor  # [N]
    B_bias: Tensor  # [H, 1, N]
    C_bias: Tensor  # [H, 1, N]
    D: Tensor  # [H]


def backward(dy: Tensor, saved: Saved, state: Mamba3State | None = None) -> Gradients:
    """From the slope ``dy`` [B, L, E] of the gated output; ``state`` is what the forward started from.

    Where a row has ended, ``dy`` is not looked at. The last state's slopes are taken to be zero.
    """
    walk = _Walk(saved)
    dy = dy.contiguous()
    dproj = torch.empty_like(saved.proj)
    dends, start = walk.states(dy, dproj)
    slopes = walk.chunks(dy, dends, dproj)
    return walk.front(slopes, None if state is None else _first(start, state))


def _first(start: Tensor, state: Mamba3State) -> Tensor:
    """[B, H]: the slope of (1 - lambda) dt of the first moment, which weighs x k^T of the ``state`` before it."""
    return torch.einsum("bhpn,bhp,bhn->bh", start, state.x, state.k[:, :, 0])


@dataclass(frozen=True)
class _Slopes:
    """What the second pass leaves, of queries first, then of keys; W sums over heads that one program has taken."""

    proj: Tensor  # [B, L, rows], the rows of z and x
    lines: Tensor  # [2, B, L, W, N], of queries and keys
    rate: Tensor  # [2, B, L, W, S]
    moments: Tensor  # [2, 3, B, H, L]
    turn: Tensor  # [2, B, n, H, S]
    bias: Tensor  # [2, B, n, H, N]
    D: Tensor  # [B, n, H]


class _Walk:
    """The launches, with what they share."""

    def __init__(self, saved: Saved) -> None:
        c, self.saved = saved.config, saved
        self.batch, self.length, self.rows = saved.proj.shape
        self.chunks_of = triton.cdiv(self.length, saved.chunk)
        self.own = _heads_each(c.heads // c.groups, self.batch * self.chunks_of * c.groups)
        self.reset = saved.proj if saved.reset is None else saved.reset
        self.ends = saved.proj if saved.lengths is None else saved.lengths
        self.cuts = {"C": saved.chunk, "RESET": saved.reset is not None, "ENDS": saved.lengths is not None}
        self.tiles = {"S": c.angles, "SB": _tile(2 * c.angles) // 2}
        self.wide = self.tiles | {"N": c.d_state, "RB": _tile(c.d_state - 2 * c.angles)}
        quick = saved.proj.dtype == torch.bfloat16 and not interpreted()
        self.kinds = {"KIND": tl.bfloat16 if quick else tl.float32, "QUICK": quick, "PRECISION": "tf32x3"}

    def states(self, dy: Tensor, dproj: Tensor) -> tuple[Tensor, Tensor]:
        """[B, n, H, P, N] and [B, H, P, N]: the slopes of the states that chunks leave, and of the first one.

        What is before the gate has its slope in the columns of x in ``dproj``.
        """
        s, f, c = self.saved, self.saved.front, self.saved.config
        pairs, rest = self.wide["SB"], self.wide["RB"]
        parts = 2 if pairs >= 16 else 1  # more programs, of fewer registers each
        dends, first = torch.empty_like(s.starts), self._new(self.batch, c.heads, c.head_dim, c.d_state)
        carry_state[(self.batch * c.heads, parts)](
            dy, s.proj, f.queries, f.rate, f.log_alpha, f.dt, self.reset, self.ends, s.angles, s.C_bias,
            dends, first, dproj, self.length, c.heads, self.rows, c.heads // c.groups,
            P=c.head_dim, PB=_tile(c.head_dim), N=c.d_state, S=c.angles, SB=pairs // parts, RB=max(16, rest // parts),
            **self.cuts, **self.kinds, num_warps=4, num_stages=1,
        )  # fmt: skip
        return dends, first

    def chunks(self, dy: Tensor, dends: Tensor, dproj: Tensor) -> _Slopes:
        """All that is local to a chunk."""
        s, f, c = self.saved, self.saved.front, self.saved.config
        sums, each = c.heads // self.own, (self.batch, self.chunks_of, c.heads)
        tokens = (self.batch, self.length, sums)
        out = _Slopes(
            dproj, self._new(2, *tokens, c.d_state), self._new(2, *tokens, c.angles),
            self._new(2, 3, self.batch, c.heads, self.length), self._new(2, *each, c.angles),
            self._new(2, *each, c.d_state), self._new(*each),
        )  # fmt: skip
        sides = ((f.queries, s.C_bias), (f.keys, s.B_bias))
        for side, ((mine, bias), (other, others)) in enumerate((sides, sides[::-1])):
            back_in_chunk[(self.chunks_of, self.batch, sums)](
                dy, s.proj, mine, other, bias, others, f.rate, f.log_alpha, f.dt, f.lam, self.reset, self.ends,
                s.starts, dends, s.angles, s.D, out.proj, out.lines[side], out.rate[side], out.moments[side],
                out.turn[side], out.bias[side], out.D, self.length, c.heads, self.rows, out.moments[0, 0].numel(),
                c.heads // c.groups, self.own,
                P=c.head_dim, PB=_tile(c.head_dim), QUERY=side == 0, APART=_calls(),
                **self.wide, **self.cuts, **self.kinds, num_warps=4, num_stages=1,
            )  # fmt: skip
        return out

    def front(self, slopes: _Slopes, first: Tensor | None) -> Gradients:
        """Through angles, norms, softplus and the rest, to the projections' own slopes."""
        s, f, c = self.saved, self.saved.front, self.saved.config
        n, controls, sums = self.chunks_of, 2 * (c.d_inner + c.groups * c.d_state), c.heads // self.own
        carried = torch.empty_like(slopes.turn[0])
        carry_turn[(self.batch * c.heads,)](
            slopes.turn, self.reset, self.ends, carried, n, self.length, c.heads, carried.numel(),
            **self.tiles, **self.cuts, num_warps=1,
        )  # fmt: skip
        norms = self._new(self.batch, n, 2, c.groups, c.d_state)
        back_norm[(n, self.batch, 2 * c.groups)](
            s.proj, slopes.lines, s.B_norm, s.C_norm, slopes.proj, norms, self.length, self.rows, 2 * c.d_inner,
            slopes.lines[0].numel(), sums // c.groups, N=c.d_state, NB=triton.next_power_of_2(c.d_state), G=c.groups,
            C=s.chunk, num_warps=4,
        )  # fmt: skip
        ddt_bias = self._new(self.batch, n, c.heads)
        back_drive[(n, self.batch)](
            s.proj, f.rate, f.dt, f.lam, s.dt_bias, self.reset, self.ends, slopes.moments, slopes.rate,
            carried, carried if first is None else first, slopes.proj, ddt_bias,
            self.length, self.rows, controls, slopes.moments[0, 0].numel(), slopes.rate[0].numel(), sums,
            H=c.heads, HB=_tile(c.heads), SOFTPLUS=c.a_activation == "softplus", FIRST=first is not None,
            S=c.angles, SB=_tile(c.angles), **self.cuts, num_warps=4,
        )  # fmt: skip
        C_bias, B_bias = slopes.bias.sum((1, 2)).unsqueeze(-2)
        B_norm, C_norm = norms.sum((0, 1, 3))
        return Gradients(slopes.proj, ddt_bias.sum((0, 1)), B_norm, C_norm, B_bias, C_bias, slopes.D.sum((0, 1)))

    def _new(self, *shape: int) -> Tensor:
        return self.saved.proj.new_empty(shape, dtype=torch.float32)


def _calls() -> bool:
    """Whether kernels may call functions that multiply tiles: not on Blackwell, whose tensor memory is a kernel's own."""
    return generation() != BLACKWELL


def _heads_each(heads: int, others: int) -> int:
    """How many of ``heads`` one program takes, a divisor, so that there are BUSY programs if there can be."""
    return next(own for own in range(heads, 0, -1) if heads % own == 0 and (others * heads // own >= BUSY or own == 1))


def _tile(width: int) -> int:
    """The width of the tile that holds ``width`` channels: a product of tiles wants 16 at least."""
    return max(16, int(triton.next_power_of_2(max(width, 1))))
