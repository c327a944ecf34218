"""A Mamba-3 layer's weights as its NumPy step wants them.

A step of a small stack is almost all dispatch, so weights are rearranged once where that saves calls. All of it is exact
but for the last bit:

- a norm's weight: x / rms(x) w, projected, is the projection by W w sqrt(D) of x / sqrt(sum x^2 + D eps);
- sigmoids: 1 / (1 + exp(-v)) = (1 + tanh(v / 2)) / 2, so one tanh serves lambda, angles and gate, whose rows are halved;
- the few rows of dt and lambda come several times, so that one product serves decay, past and present;
- pairs of channels that rotate lie side by side, so that they turn as complex numbers (a MIMO block's are reordered).

Shapes as in :mod:`policies.mamba3.recurrence`, and H = G groups of J heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsctl.errors import InvalidValue
from policies.mamba3.config import Mamba3Config

Floats = NDArray[np.float32]
Weights = Mapping[str, NDArray[Any]]
"""Arrays under the names of a module's ``state_dict``."""
_Wide = dict[str, NDArray[np.float64]]
_THREADLESS = 9216
"""Numbers of a matrix up to which OpenBLAS multiplies it with a vector on one thread (newer versions: fifty times more)."""


@dataclass(frozen=True)
class LayerWeights:
    """One layer's, in float32; what multiplies vectors comes in :func:`blocks`."""

    config: Mamba3Config
    rows: Floats  # by D: x:E, dd_dt:H three times, dd_A:H, -trap:H, trap:H, angle:S, z:E, B and C: G 2R N
    out: Floats  # [D, E]
    dt_bias: Floats  # [H]
    norm: Floats  # [2R, N], B's and C's
    bias: Floats  # [G, J, 2R, N]
    skip: Floats  # [H, R, P], D Psi
    head_norm: Floats | None  # [H, 1, P], where outputs are normalised before the gate
    mimo: tuple[Floats, Floats, Floats] | None  # Psi, Zeta / 2 and Phi, each [H, R, P]
    mlp: tuple[Floats, Floats] | None  # [2F, D], the gate's half of the rows halved, and [D, F]


def prepare(weights: Weights, config: Mamba3Config, mlp: int) -> LayerWeights:
    """Rearrange one layer's ``weights``; products are taken in float64. ``mlp`` is F, the SwiGLU's width, or 0."""
    check_shapes(weights, _shapes(config, mlp))
    c, R, H, N, P = config, config.rank, config.heads, config.d_state, config.head_dim
    layer: _Wide = {name: np.asarray(value, np.float64) for name, value in weights.items()}
    mixer = under("mixer.", layer)
    order = channels(c)
    before = layer["norm.weight"] * np.sqrt(c.d_model)
    norm = np.stack((mixer["B_norm.weight"], mixer["C_norm.weight"]))[:, order] * np.sqrt(N)
    bias = np.concatenate((mixer["B_bias"], mixer["C_bias"]), 1)[..., order]  # [H, 2R, N]
    psi = mixer.get("mimo_x", np.ones((H, 1, P)))
    return LayerWeights(
        config=c,
        rows=blocks(_rows(mixer["in_proj.weight"], c, order) * before),
        out=blocks(mixer["out_proj.weight"]),
        dt_bias=_single(mixer["dt_bias"]),
        norm=_single(norm.repeat(R, 0)),
        bias=_single(bias.reshape(c.groups, -1, 2 * R, N)),
        skip=_single(mixer["D"][:, None, None] * psi),
        head_norm=_single(mixer["norm.weight"].reshape(H, 1, P) * np.sqrt(P)) if c.pre_gate_norm else None,
        mimo=None if c.mimo_rank is None else (_single(psi), _single(mixer["mimo_z"] / 2), _single(mixer["mimo_o"])),
        mlp=_mlp(layer, c.d_model) if mlp else None,
    )


def check_shapes(weights: Weights, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """``weights`` are those of ``shapes``, no more and no fewer."""
    for name in {**shapes, **weights}:
        wanted = list(shapes[name]) if name in shapes else "absent"
        got = list(weights[name].shape) if name in weights else "absent"
        if got != wanted:
            raise InvalidValue(f"these weights are not of this configuration: {name} must be {wanted}, got {got}")


def _shapes(c: Mamba3Config, mlp: int) -> dict[str, tuple[int, ...]]:
    """What a layer's ``state_dict`` holds."""
    D, E, H, R, N = c.d_model, c.d_inner, c.heads, c.rank, c.d_state
    mixer: dict[str, tuple[int, ...]] = {
        "in_proj.weight": (2 * E + 2 * R * c.groups * N + 3 * H + c.angles, D), "out_proj.weight": (D, E),
        "dt_bias": (H,), "D": (H,), "B_norm.weight": (N,), "C_norm.weight": (N,), "B_bias": (H, R, N), "C_bias": (H, R, N),
    }  # fmt: skip
    if c.mimo_rank is not None:
        mixer |= dict.fromkeys(("mimo_x", "mimo_z", "mimo_o"), (H, R, c.head_dim))
    if c.pre_gate_norm:
        mixer |= {"norm.weight": (E,)}
    after = {"norm2.weight": (D,), "mlp.fc1.weight": (2 * mlp, D), "mlp.fc2.weight": (D, mlp)} if mlp else {}
    return {"norm.weight": (D,)} | {f"mixer.{name}": shape for name, shape in mixer.items()} | after


def channels(c: Mamba3Config) -> NDArray[np.intp]:
    """[N]: where each channel of the state was, now that pairs lie side by side."""
    order = np.arange(c.d_state)
    return order if c.pairing == "neighbours" else order.reshape(2, -1).T.reshape(-1)


def blocks(weight: NDArray[Any]) -> Floats:
    """``weight`` [m, n] as float32 [k, 1, r, n], filled up with rows of zeros, for products with vectors.

    No block is so large that OpenBLAS would wake its threads for it, which costs more than it gains, and much more where
    the cores are busy. Every block is in the nearest cache when it meets the second row of a batch.
    """
    m, n = weight.shape
    most = min(max(_THREADLESS // n // 4 * 4, 4), m + -m % 4)
    rows = min(range(most, most // 2, -4), key=lambda r: -m % r)
    filled = np.zeros((m + -m % rows, n), np.float32)
    filled[:m] = weight
    return filled.reshape(-1, 1, rows, n)


def rows(matrix: Floats) -> int:
    """The rows of a matrix in :func:`blocks`."""
    return int(matrix.shape[0] * matrix.shape[2])


def under(prefix: str, weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The ``weights`` of the module whose names begin with ``prefix``, under its own names."""
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def full(value: float, *shape: int) -> Floats:
    """A constant."""
    return np.full(shape, value, np.float32)


def empty(*shape: int) -> Floats:
    """A buffer."""
    return np.empty(shape, np.float32)


def _rows(in_proj: NDArray[np.float64], c: Mamba3Config, order: NDArray[np.intp]) -> NDArray[np.float64]:
    """The rows of ``in_proj`` in a step's order."""
    E, H, each = c.d_inner, c.heads, c.rank * c.groups * c.d_state
    z, x, b, q, dt, a, trap, angle, _ = np.split(in_proj, np.cumsum([E, E, each, each, H, H, H, c.angles]))
    # B and C come as (r g n) and go as (g, B or C, r, n).
    both = np.stack((b, q)).reshape(2, c.rank, c.groups, c.d_state, -1)[:, :, :, order].transpose(2, 0, 1, 3, 4)
    gate = z / 2 if c.mimo_rank is None else z  # a MIMO block's Zeta is halved instead
    return np.concatenate((x, dt, dt, dt, a, -trap / 2, trap / 2, angle, gate, both.reshape(2 * each, -1)))


def _mlp(layer: _Wide, width: int) -> tuple[Floats, Floats]:
    rise = layer["mlp.fc1.weight"] * layer["norm2.weight"] * np.sqrt(width)
    rise[len(rise) // 2 :] /= 2
    return blocks(rise), blocks(layer["mlp.fc2.weight"])


def _single(x: NDArray[np.float64]) -> Floats:
    return np.ascontiguousarray(x, np.float32)
