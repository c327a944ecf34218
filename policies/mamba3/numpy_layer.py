"""One moment of one Mamba-3 layer in NumPy, as :mod:`policies.mamba3.numpy_recurrence` in buffers and views."""

from __future__ import annotations

import numpy as np

from policies.mamba3.numpy_recurrence import Controls, Keys, Update
from policies.mamba3.numpy_weights import Floats, LayerWeights, empty, full, rows

_EPS = 1e-5
_ONE = full(1.0)


class Product:
    """A matrix in :func:`~policies.mamba3.numpy_weights.blocks` times every row of ``x`` [B, n], written to ``out`` [B, kr].

    Row by row: as a product of two matrices it would be rounded otherwise for each B.
    """

    def __init__(self, matrix: Floats, x: Floats, out: Floats) -> None:
        self._matrix, self._x = matrix, x[:, :, None]
        self._out = out.reshape(len(x), len(matrix), -1, 1).swapaxes(0, 1)

    def __call__(self) -> None:
        np.matmul(self._matrix, self._x, self._out)


class Readout:
    """From ``y`` [B, H, R, P] to the out-projection's input ``sum`` [B, E]: skip, norm, gate and sum over ranks.

    ``x`` and ``z`` [B, E] of the in-projection; of a SISO block, ``gate`` [B, E] holds tanh(z) of the halved z.
    """

    def __init__(self, w: LayerWeights, y: Floats, x: Floats, z: Floats, gate: Floats) -> None:
        (B, H, R, P), self._w, self._y = y.shape, w, y
        siso = w.mimo is None
        flat = y.reshape(B, H * R * P)
        self._x = x if siso else x.reshape(B, H, 1, P)
        self._skip = np.tile(w.skip.reshape(-1), (B, 1)) if siso else w.skip
        self._z_in, self._z = z.reshape(B, H, 1, P), z if siso else empty(B, H, R, P)
        self._gate = gate if siso else empty(B, H, R, P)
        self._through = empty(B, H * P) if siso else empty(B, H, R, P)
        self._wide = flat if siso else y  # SISO: all of a row side by side
        self._squares, self._eps = empty(B, H, R), full(_EPS * P, B, H, R)
        self.sum = flat if siso else empty(B, H * P)
        self._sum_heads = self.sum.reshape(B, H, P)

    def __call__(self) -> None:
        w, y = self._w, self._wide
        np.multiply(self._x, self._skip, self._through)
        np.add(y, self._through, y)
        if w.head_norm is not None:
            self._normalise(w.head_norm)
        if w.mimo is not None:
            np.multiply(self._z_in, w.mimo[1], self._z)
            np.tanh(self._z, self._gate)
        np.multiply(y, self._z, y)
        np.add(self._gate, _ONE, self._gate)
        np.multiply(y, self._gate, y)
        if w.mimo is not None:
            np.multiply(y, w.mimo[2], y)
            np.add.reduce(y, 2, None, out=self._sum_heads)

    def _normalise(self, weight: Floats) -> None:
        np.vecdot(self._y, self._y, self._squares)
        np.add(self._squares, self._eps, self._squares)
        np.sqrt(self._squares, self._squares)
        np.divide(self._y, self._squares[..., None], self._y)
        np.multiply(self._y, weight, self._y)


class Mlp:
    """fc2(a silu(2 b)) with a, b = fc1(x), for ``x`` [B, D] normalised."""

    def __init__(self, weights: tuple[Floats, Floats], x: Floats) -> None:
        (rise, fall), B, hidden = weights, len(x), weights[1].shape[-1]
        risen, fallen = empty(B, rows(rise)), empty(B, rows(fall))
        self._up, self._z, _ = np.split(risen, (hidden, 2 * hidden), 1)
        self._glu, self._added = empty(B, hidden), fallen[:, : x.shape[1]]
        self._rise, self._fall = Product(rise, x, risen), Product(fall, self._glu, fallen)

    def __call__(self) -> Floats:
        self._rise()
        np.tanh(self._z, self._glu)
        np.add(self._glu, _ONE, self._glu)
        np.multiply(self._glu, self._z, self._glu)
        np.multiply(self._glu, self._up, self._glu)
        self._fall()
        return self._added


class LayerStep:
    """A layer at work on B rows.

    ``angle`` [B, H, S] in turns, ``line`` [B, E + rows] and ``kkq`` [B, H, 3R, N] are the stack's: angles are replaced, the
    others begin with the last moment's input and keys and get the present ones behind them.
    """

    def __init__(self, w: LayerWeights, angle: Floats, line: Floats, kkq: Floats) -> None:
        c, B = w.config, len(line)
        E, H, S, D = c.d_inner, c.heads, c.angles, c.d_model
        siso, cuts = w.mimo is None, np.cumsum([E, E, 4 * H, 2 * H + S, E, 2 * c.groups * c.rank * c.d_state])
        _, x, steps, bends, z, bc, _ = np.split(line, cuts, 1)
        gated = line[:, cuts[2] : cuts[4]] if siso else bends
        self._squares, self._eps = empty(B, 1), full(_EPS * D, B, 1)
        self._sums, self._normed, added = self._squares[:, 0], empty(B, D), empty(B, rows(w.out))
        self._added = added[:, :D]
        self._project = Product(w.rows, self._normed, line[:, E:])
        self._controls = Controls(w, steps, gated, angle)
        self._keys = Keys(w, bc, kkq)
        self._update = Update(w, line[:, : 2 * E], kkq, self._controls)
        self._readout = Readout(w, self._update.y, x, z, self._controls.tanhs[:, 2 * H + S :])
        self._back = Product(w.out, self._readout.sum, added)
        self._mlp = Mlp(w.mlp, self._normed) if w.mlp else None

    def __call__(self, x: Floats, h: Floats, after: Floats) -> None:
        """Add to ``x`` [B, D] what the layer gives; ``h`` [B, H, P, N] is the state, ``after`` gets the next one."""
        self._normalise(x)
        self._project()
        self._controls()
        self._keys(self._controls.turn)
        self._update(h, after)
        self._readout()
        self._back()
        np.add(x, self._added, x)
        if self._mlp is not None:
            self._normalise(x)
            np.add(x, self._mlp(), x)

    def _normalise(self, x: Floats) -> None:
        np.vecdot(x, x, self._sums)
        np.add(self._squares, self._eps, self._squares)
        np.sqrt(self._squares, self._squares)
        np.divide(x, self._squares, self._normed)
