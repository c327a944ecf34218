"""A stack's step in three launches a layer: norm and in-projection, the state, out-projection and sum.

The state stays where it is and is changed in place. Where a head's [P, N] is shared out among programs, each keeps its
own copy of the head's angle and last key, so that none reads what another has already replaced.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

from nsctl.errors import InvalidValue
from policies.mamba3.block import Mamba3
from policies.mamba3.checks import check_state
from policies.mamba3.config import Mamba3Config
from policies.mamba3.kernels import linear
from policies.mamba3.kernels.available import require_kernels
from policies.mamba3.kernels.front import softplus, tanh
from policies.mamba3.kernels.linear import Map, dependent_launch, map_of
from policies.mamba3.recurrence import Mamba3State
from policies.mamba3.stack import Layer, Mamba3Language, Mamba3Stack, States, weight_of

LEAST = 8
"""Rows of a head that a program takes at least: what it does for the head as a whole would cost more than they do."""
WARP = 4096
"""Numbers of a state that a warp holds: as many as its registers do, for fewer warps have less to tell each other."""


def why_not_stepped(stack: Mamba3Stack) -> str | None:
    """What keeps these kernels from stepping ``stack``; None where nothing does."""
    block, dtype = stack.config.block, weight_of(stack).dtype
    if isinstance(stack, Mamba3Language):
        return "it begins with tokens"
    if block.mimo_rank is not None:
        return f"its blocks are MIMO of rank {block.mimo_rank}"
    if block.pre_gate_norm:
        return "its blocks normalise before the gate"
    if dtype not in (torch.float32, torch.bfloat16):
        return f"its weights are {dtype}, not float32 or bfloat16"
    return None


@dataclass(frozen=True)
class Maps:
    """The linear maps of a layer; those of its MLP are None where it has none."""

    into: Map
    out: Map
    rise: Map | None
    fall: Map | None

    @classmethod
    def of(cls, layer: Layer, batch: int, dtype: torch.dtype) -> Maps:
        pairs = [(layer.mixer.in_proj, layer.mixer.out_proj)]
        pairs += [(layer.mlp.fc1, layer.mlp.fc2)] if hasattr(layer, "mlp") else []
        made = [map_of(part, batch, dtype, normed=part is pair[0]) for pair in pairs for part in pair]
        return cls(*made, *[None] * (4 - len(made)))


@dataclass(frozen=True)
class Held:
    """What a layer remembers between steps; ``parts`` programs share a head of every row."""

    angle: Tensor  # [B, H, parts, S], radians in [0, 2 pi)
    h: Tensor  # [B, H, P, N]
    k: Tensor  # [B, H, parts, N]
    x: Tensor  # [B, H, P]

    @classmethod
    def at_rest(cls, config: Mamba3Config, batch: int, device: torch.device) -> Held:
        c, parts = config, config.head_dim // share(config, batch)
        tails = ((parts, c.angles), (c.head_dim, c.d_state), (parts, c.d_state), (c.head_dim,))
        return cls(*(torch.zeros(batch, c.heads, *tail, device=device) for tail in tails))

    def load(self, state: Mamba3State) -> None:
        self.angle.copy_(state.angle[:, :, None])
        self.h.copy_(state.h)
        self.k.copy_(state.k)
        self.x.copy_(state.x)

    def state(self) -> Mamba3State:
        return Mamba3State(self.angle[:, :, 0].clone(), self.h.clone(), self.k[:, :, :1].clone(), self.x.clone())


def share(config: Mamba3Config, batch: int) -> int:
    """Rows of a head's P for one program: all of them where there are heads enough to keep the whole card busy."""
    rows = config.head_dim
    while rows % 2 == 0 and rows > LEAST and batch * config.heads * config.head_dim < linear.PROGRAMS * rows:
        rows //= 2
    return rows


class FusedStack:
    """Steps ``batch`` episodes of ``stack`` with these kernels, on tensors that stay where they are.

    Between steps, ``x`` [B, D] (float32) and ``reset`` [B] (bool) await the next input; :meth:`run` leaves the output in
    ``x``. The weights are read where they lie: changes in place are seen, replacements are not.
    """

    def __init__(self, stack: Mamba3Stack, batch: int) -> None:
        if (reason := why_not_stepped(stack)) is not None:
            raise InvalidValue(f"the fused step cannot step this stack: {reason}; kind 'torch' can")
        self._layers = [layer for layer in stack.layers if isinstance(layer, Layer)]
        c, weight = stack.config.block, weight_of(stack)
        require_kernels(weight, "the stack's weights")
        self.x = torch.zeros(batch, c.d_model, device=weight.device)
        self.reset = torch.zeros(batch, dtype=torch.bool, device=weight.device)
        self._held = [Held.at_rest(c, batch, weight.device) for _ in self._layers]
        self._maps = [Maps.of(layer, batch, weight.dtype) for layer in self._layers]
        self._proj = self.x.new_empty(batch, sum(self._layers[0].mixer.sizes))
        mlp = stack.config.mlp
        self._wide = self.x.new_empty(batch, 2 * mlp)
        # layers may want theirs in different precisions: one buffer for each
        self._y = {kind: self.x.new_empty(batch, c.d_inner, dtype=kind) for kind in {m.out.kind for m in self._maps}}
        kinds = {m.fall.kind for m in self._maps if m.fall is not None}
        self._narrow = {kind: self.x.new_empty(batch, mlp, dtype=kind) for kind in kinds}

    @torch.no_grad()
    def run(self) -> None:
        """One moment of every layer."""
        for layer, held, maps in zip(self._layers, self._held, self._maps, strict=True):
            y = self._y[maps.out.kind]
            maps.into.project(self.x, layer.norm.weight, self._proj)
            advance(layer.mixer, self._proj, held, self.reset, y, maps.into.ours)
            maps.out.add(y, self.x)
            if maps.rise is not None and maps.fall is not None:
                narrow = self._narrow[maps.fall.kind]
                maps.rise.project(self.x, layer.norm2.weight, self._wide)
                gate(self._wide, narrow)
                maps.fall.add(narrow, self.x)

    @property
    def states(self) -> list[Mamba3State]:
        """The layers' states, copied."""
        return [held.state() for held in self._held]

    @states.setter
    def states(self, states: States) -> None:
        if len(states) != len(self._layers):
            raise InvalidValue(f"a stack of {len(self._layers)} layers needs as many states, got {len(states)}")
        for layer, state in zip(self._layers, states, strict=True):
            check_state(state, layer.mixer.config, self.x, layer.mixer.witness)
        for held, state in zip(self._held, states, strict=True):
            held.load(state)


def advance(block: Mamba3, proj: Tensor, held: Held, reset: Tensor, y: Tensor, ours: bool) -> None:
    """From ``proj`` [B, rows] (float32) to ``y`` [B, E], and ``held`` in place; rows where ``reset`` [B] start from rest.

    ``ours`` says whether ``proj`` comes from a kernel of ours: what the library's let begin early, nobody knows.
    """
    c, parts = block.config, held.k.shape[2]
    rows, pdl = c.head_dim // parts, dependent_launch(proj.device) and ours
    RP, NP = triton.next_power_of_2(rows), triton.next_power_of_2(c.d_state)
    warps = min(max(RP * NP // WARP, 1), 8)
    _advance[(len(proj) * c.heads, parts)](
        proj, reset, block.dt_bias, block.B_norm.weight, block.C_norm.weight, block.B_bias, block.C_bias, block.D,
        held.angle, held.h, held.k, held.x, y,
        H=c.heads, P=c.head_dim, N=c.d_state, G=c.groups, S=c.angles, SOFTPLUS=c.a_activation == "softplus",
        ROWS=rows, RP=RP, NP=NP,
        PDL=pdl, num_warps=warps, launch_pdl=pdl,
    )  # fmt: skip


def gate(wide: Tensor, narrow: Tensor) -> None:
    """``narrow`` [B, hidden] = a silu(b) where ``wide`` [B, 2 hidden] is a and b side by side."""
    hidden, pdl = narrow.shape[1], dependent_launch(wide.device)
    _gate[(len(wide), triton.cdiv(hidden, 512))](wide, narrow, hidden, 512, pdl, launch_pdl=pdl)


@triton.jit
def _pairs(numbers, j, inside):
    """The two channels of each pair ``j``."""
    a, b = tl.load(numbers + 2 * j, inside, 0.0), tl.load(numbers + 2 * j + 1, inside, 0.0)
    return a.to(tl.float32), b.to(tl.float32)


@triton.jit
def _turned(row, j, inside, weight, bias, cos, sin, N: tl.constexpr, NP: tl.constexpr):
    """The keys or queries [N] of a head: B or C from ``row``, normalised, weighed, biased and turned."""
    a, b = _pairs(row, j, inside)
    size = 1 / tl.sqrt_rn(tl.sum(a * a + b * b, 0) / N + 1e-5)
    a, b = a * size * weight[0] + bias[0], b * size * weight[1] + bias[1]
    return tl.reshape(tl.join(a * cos - b * sin, a * sin + b * cos), (NP,))


@triton.jit
def _advance(proj, reset, dt_bias, B_norm, C_norm, B_bias, C_bias, D, angles, hs, ks, xs, y,
             H: tl.constexpr, P: tl.constexpr, N: tl.constexpr, G: tl.constexpr, S: tl.constexpr,
             SOFTPLUS: tl.constexpr, ROWS: tl.constexpr, RP: tl.constexpr, NP: tl.constexpr, PDL: tl.constexpr,
             ):  # fmt: skip
    """ROWS of the P rows of one head of one episode.

    What belongs to the weights and to the last step is loaded before the wait. That is safe because every kernel of ours
    lets the next begin only after its own wait: what is two launches back has ended, and the state was written three back.
    """
    E: tl.constexpr = H * P
    at, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    b, head, copy = at // H, (at % H).to(tl.int32), at * (P // ROWS) + part
    rest = tl.load(reset + b) != 0
    n, i, j = tl.arange(0, NP), tl.arange(0, RP), tl.arange(0, NP // 2)
    p, inside, mine, pairs, turning = part * ROWS + i, n < N, i < ROWS, j < N // 2, j < S
    here, both = at * P * N + p[:, None] * N + n[None, :], mine[:, None] & inside[None, :]
    h = tl.load(hs + here, both & (not rest), 0.0, cache_modifier=".cg")
    k_last = tl.load(ks + copy * N + n, inside & (not rest), 0.0, cache_modifier=".cg")
    x_last = tl.load(xs + at * P + p, mine & (not rest), 0.0, cache_modifier=".cg")
    angle = tl.load(angles + copy * S + j, turning & (not rest), 0.0, cache_modifier=".cg")
    B_weight, C_weight = _pairs(B_norm, j, pairs), _pairs(C_norm, j, pairs)
    B_added, C_added = _pairs(B_bias + head * N, j, pairs), _pairs(C_bias + head * N, j, pairs)
    bias, skip = tl.load(dt_bias + head), tl.load(D + head)
    if PDL:
        gdc_wait()
        gdc_launch_dependents()
    row = proj + b * (2 * E + 2 * G * N + 3 * H + S)
    group, control = row + 2 * E + head // (H // G) * N, row + 2 * E + 2 * G * N
    dd_dt, dd_a, trap = tl.load(control + head), tl.load(control + H + head), tl.load(control + 2 * H + head)
    rate = tl.load(control + 3 * H + j, turning, 0.0)
    z, x = tl.load(row + head * P + p, mine, 0.0), tl.load(row + E + head * P + p, mine, 0.0)

    dt = softplus(dd_dt + bias)
    angle += 3.141592653589793 * tanh(rate) * dt
    turns = tl.floor(angle * 0.15915494309189535)
    angle = angle - turns * 6.2831854820251465 + turns * 1.7484555e-7  # 2 pi, and what float32 cannot hold of it
    cos, sin = tl.cos(angle), tl.sin(angle)  # 1 and 0 for pairs that do not turn
    k = _turned(group, j, pairs, B_weight, B_added, cos, sin, N, NP)
    q = _turned(group + G * N, j, pairs, C_weight, C_added, cos, sin, N, NP)
    decay = softplus(dd_a) if SOFTPLUS else tl.where(dd_a >= 0, 1 + dd_a, 1 / (1 - tl.minimum(dd_a, 0.0)))
    alpha = tl.exp(-tl.maximum(decay, 1e-4) * dt)
    beta, gamma = tl.sigmoid(-trap) * dt * alpha, tl.sigmoid(trap) * dt
    h = alpha * h + (beta * x_last)[:, None] * k_last[None, :] + (gamma * x)[:, None] * k[None, :]
    tl.store(hs + here, h, both)
    out = (tl.sum(h * q[None, :], 1) + skip * x) * z * tl.sigmoid(z)
    tl.store(y + b * E + head * P + p, out.to(y.dtype.element_ty), mine)
    tl.store(ks + copy * N + n, k, inside)
    tl.store(xs + at * P + p, x, mine)
    tl.store(angles + copy * S + j, angle, turning)


@triton.jit
def _gate(wide, narrow, hidden, WIDTH: tl.constexpr, PDL: tl.constexpr):
    if PDL:
        gdc_wait()
        gdc_launch_dependents()
    b, column = tl.program_id(0), tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    inside = column < hidden
    a = tl.load(wide + b * 2 * hidden + column, mask=inside, other=0.0)
    g = tl.load(wide + b * 2 * hidden + hidden + column, mask=inside, other=0.0)
    tl.store(narrow + b * hidden + column, (a * g * tl.sigmoid(g)).to(narrow.dtype.element_ty), mask=inside)
