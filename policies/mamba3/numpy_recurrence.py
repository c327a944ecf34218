"""One moment of the recurrence of one Mamba-3 block in NumPy, in buffers that are kept and views that are made once.

Where it can, an operation runs over whole contiguous arrays of one shape, which NumPy does in a third of the time that it
takes to broadcast a few numbers; so constants come in full size. Angles are counted in turns: taking off whole ones is
exact, and dt pi tanh(v) is (dt / 2) tanh(v) turns. Shapes and weights as in :mod:`policies.mamba3.numpy_weights`.
"""

from __future__ import annotations

import numpy as np

from policies.mamba3.numpy_weights import Floats, LayerWeights, empty, full

_EPS, _A_FLOOR = 1e-5, 1e-4
_ONE, _ZERO, _TURN, _FLOOR = full(1.0), full(0.0), full(2 * np.pi), full(-2 * _A_FLOOR)
_TOGETHER = 2**15
"""Numbers of the state that are updated at a time: more would leave the nearest caches."""


class Controls:
    """Step sizes: from rows of the in-projection to decay, past, present and angle of every head.

    ``steps`` [B, 4H] are dd_dt three times and dd_A, ``bends`` [B, 2H + S (+ E)] are -trap, trap, angle (and a SISO gate).
    """

    def __init__(self, w: LayerWeights, steps: Floats, bends: Floats, angle: Floats) -> None:
        c, H, S = w.config, w.config.heads, w.config.angles
        B, self._steps, self._bends, self.angle = len(steps), steps, bends, angle
        self._softplus = c.a_activation == "softplus"
        self._shift = np.tile(np.concatenate((np.tile(w.dt_bias, 3), full(0.0, H))), (B, 1))
        self._scale = np.tile(np.repeat(np.array([0.5, 0.5, 0.5, -2.0], np.float32), H), (B, 1))
        all_of_it = empty(B, 4 * H + bends.shape[1])  # dt/2 three times, -2A, tanh of what bends
        self._softs, self.tanhs = all_of_it[:, : 4 * H], all_of_it[:, 4 * H :]
        self._half, self._a = all_of_it[:, : 3 * H], all_of_it[:, 3 * H : 4 * H]
        self._factors, self._half_heads = all_of_it[:, 3 * H : 6 * H], all_of_it[:, :H, None]
        self._bend, self._two_halves = all_of_it[:, None, 6 * H : 6 * H + S], all_of_it[:, : 2 * H]
        self._products = empty(B, 3 * H)  # A dt, then dt/2 times minus and plus tanh(trap/2)
        self._log_alpha, self._leans = self._products[:, :H], self._products[:, H:]
        self.alpha, self.ends, self.turn = empty(B, H), empty(B, 2 * H), empty(B, H, S)
        self._beta = self.ends[:, :H]

    def __call__(self) -> None:
        """Set ``alpha`` [B, H], ``ends`` [B, 2H] (beta, then gamma), and ``angle`` and ``turn`` [B, H, S]."""
        np.tanh(self._bends, self.tanhs)
        np.add(self._steps, self._shift, self._softs)
        if self._softplus:
            np.logaddexp(self._softs, _ZERO, self._softs)
        else:
            np.logaddexp(self._half, _ZERO, self._half)
            self._a[...] = np.maximum(self._a, _ZERO) + _ONE / (_ONE - np.minimum(self._a, _ZERO))
        np.multiply(self._softs, self._scale, self._softs)
        np.minimum(self._a, _FLOOR, out=self._a)
        np.multiply(self._factors, self._half, self._products)
        np.exp(self._log_alpha, self.alpha)
        np.add(self._two_halves, self._leans, self.ends)
        np.multiply(self._beta, self.alpha, self._beta)
        np.multiply(self._half_heads, self._bend, self.turn)
        np.add(self.angle, self.turn, self.angle)
        np.rint(self.angle, self.turn)
        np.subtract(self.angle, self.turn, self.angle)
        np.multiply(self.angle, _TURN, self.turn)


class Keys:
    """Keys and queries: normalised, biased and rotated. ``bc`` [B, 2GRN] of the in-projection; ``kkq`` [B, H, 3R, N].

    ``kkq`` holds the last moment's keys, and gets the present keys and queries behind them.
    """

    def __init__(self, w: LayerWeights, bc: Floats, kkq: Floats) -> None:
        c, B = w.config, len(bc)
        shape = (B, c.groups, 2 * c.rank, c.d_state)
        self._bc = bc.reshape(shape)
        self._squares, self._eps = empty(*shape[:-1]), full(_EPS * c.d_state, *shape[:-1])
        self._roots, self._norm = self._squares[..., None], np.tile(w.norm, (B, c.groups, 1, 1))
        self._bias, self._bc_heads = w.bias, self._bc[:, :, None]
        self._kq = kkq.reshape(B, c.groups, -1, 3 * c.rank, c.d_state)[..., c.rank :, :]
        self._pairs = kkq[:, :, c.rank :, : 2 * c.angles].view(np.complex64)
        self._spin = np.empty((B, c.heads, 1, c.angles), np.complex64)
        self._cos, self._sin = self._spin.real[:, :, 0], self._spin.imag[:, :, 0]

    def __call__(self, turn: Floats) -> None:
        """Rotate by ``turn`` [B, H, S] in radians."""
        np.vecdot(self._bc, self._bc, self._squares)
        np.add(self._squares, self._eps, self._squares)
        np.sqrt(self._squares, self._squares)
        np.divide(self._bc, self._roots, self._bc)
        np.multiply(self._bc, self._norm, self._bc)
        np.add(self._bc_heads, self._bias, self._kq)
        np.cos(turn, self._cos)
        np.sin(turn, self._sin)
        np.multiply(self._pairs, self._spin, self._pairs)


class Update:
    """The state's update and its readout ``y`` [B, H, R, P], for as many rows at a time as the caches hold.

    ``xs`` [B, 2E] are the last and the present input, ``ends`` [B, 2H] and ``alpha`` [B, H] their weights and the decay.
    """

    def __init__(self, w: LayerWeights, xs: Floats, kkq: Floats, controls: Controls) -> None:
        c, (B, H, _, N) = w.config, kkq.shape
        R, P = c.rank, c.head_dim
        self._xs = xs.reshape(B, 2, H, 1, P).swapaxes(1, 2)
        self._ends = controls.ends.reshape(B, 2, H, 1, 1).swapaxes(1, 2)
        self._psi = w.mimo[0][:, None] if w.mimo else None
        self._values, self.y = empty(B, H, 2, R, P), empty(B, H, R, P)
        columns, alpha = self._values.reshape(B, H, 2 * R, P).swapaxes(-1, -2), controls.alpha[:, :, None, None]
        count = max(1, _TOGETHER // (H * P * N))
        written = empty(min(B, count), H, P, N)
        spans = [slice(i, i + count) for i in range(0, B, count)]
        ks, q = kkq[:, :, : 2 * R], kkq[:, :, 2 * R :]
        self._parts = [(s, columns[s], ks[s], alpha[s], q[s], self.y[s], written[: B - s.start]) for s in spans]

    def __call__(self, h: Floats, after: Floats) -> None:
        """``after`` = alpha h + beta v_last k_last^T + gamma v k^T, both [B, H, P, N]; ``y`` = q after^T."""
        np.multiply(self._xs, self._ends, self._values)
        if self._psi is not None:
            np.multiply(self._values, self._psi, self._values)
        for span, columns, ks, alpha, q, y, written in self._parts:
            new = after[span]
            np.multiply(h[span], alpha, new)
            np.matmul(columns, ks, written)
            np.add(new, written, new)
            np.matmul(q, new.swapaxes(-1, -2), y)
