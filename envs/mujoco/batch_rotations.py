"""Rotations of many things at once. Quaternions are (w, x, y, z), unit length, [n, 4].

The arithmetic of MuJoCo (``mju_mat2Quat``, ``mju_subQuat``) and of :mod:`nsctl.geometry` is repeated operation by
operation, sums in the same order, so that a world of a batch moves bit for bit as it does alone.
"""

from __future__ import annotations

from math import atan2

import numpy as np

from nsctl.scene import Array

_SMALL = 1e-15
_CONJUGATE = np.array([[1.0], [-1.0], [-1.0], [-1.0]])
_LEFT = np.array([[0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]])
_RIGHT = np.array([[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]])
_SIGNS = np.array([[1, 1, 1, 1], [-1, 1, -1, 1], [-1, 1, 1, -1], [-1, -1, 1, 1]], dtype=np.float64)[..., None]
"""Term [i, j] of part j of a product of quaternions a b: a[_LEFT] b[_RIGHT] _SIGNS."""
_CASES = {
    0: ((1, 1, 1), ((1, 7, 5, -1), (2, 2, 6, -1), (3, 3, 1, -1))),
    1: ((1, -1, -1), ((0, 7, 5, -1), (2, 1, 3, 1), (3, 2, 6, 1))),
    2: ((-1, 1, -1), ((0, 2, 6, -1), (1, 1, 3, 1), (3, 5, 7, 1))),
    3: ((-1, -1, 1), ((0, 3, 1, -1), (1, 2, 6, 1), (2, 5, 7, 1))),
}
"""For the quaternion's largest part: the signs of the diagonal in it, and each other part as m[a] + sign m[b]."""


def quaternions(axes: Array) -> Array:
    """The quaternions [n, 4] of rotation matrices [n, 9], row by row: ``mju_mat2Quat``."""
    m = axes.T
    trace, second, third = m[0] + m[4] + m[8] > 0, (m[0] > m[4]) & (m[0] > m[8]), m[4] > m[8]
    case = np.where(trace, 0, np.where(second, 1, np.where(third, 2, 3)))  # which part of the quaternion is largest
    result = np.empty((4, len(axes)))
    for largest in range(4):
        here = case == largest
        if here.all():
            _fill(result, m, largest)
        elif here.any():
            part = np.empty((4, int(here.sum())))
            _fill(part, m[:, here], largest)
            result[:, here] = part
    w, x, y, z = result
    norm = np.sqrt(w * w + x * x + y * y + z * z)
    result *= np.where(np.abs(norm - 1) > _SMALL, 1 / norm, 1.0)
    return np.ascontiguousarray(result.T)


def _fill(result: Array, m: Array, largest: int) -> None:
    """Write quaternions [4, n] of matrices [9, n] whose part number ``largest`` is the largest."""
    (s0, s4, s8), others = _CASES[largest]
    main = 0.5 * np.sqrt(1 + s0 * m[0] + s4 * m[4] + s8 * m[8])
    result[largest] = main
    for part, a, b, sign in others:
        result[part] = 0.25 * (m[a] + sign * m[b]) / main


def rotations_between(after: Array, before: Array) -> Array:
    """The turns [n, 3] (axis times angle, in the body's frame) from ``before`` to ``after`` [n, 4]: ``mju_subQuat``."""
    terms = _terms(before.T * _CONJUGATE, after.T)
    turn = (terms[0] + terms[1]) + (terms[2] + terms[3])  # [4, n], summed as MuJoCo's vector code does
    axis = turn[1:]
    square = axis * axis
    sine = np.sqrt(square[0] + square[1] + square[2])
    # numpy's own arc tangent may differ in the last bit from C's, which MuJoCo takes.
    angle = 2 * np.array(list(map(atan2, sine.tolist(), turn[0].tolist())))
    angle[angle > np.pi] -= 2 * np.pi
    axis *= 1 / np.maximum(sine, _SMALL)
    axis *= angle
    turns: Array = axis.T
    return turns


def products(a: Array, b: Array) -> Array:
    """Quaternions [..., 4] of turning by ``b`` first and then by ``a``, in world axes: ``nsctl.geometry.multiply``."""
    terms = _terms(a.reshape(-1, 4).T, b.reshape(-1, 4).T)
    result = terms[0] + terms[1] + terms[2] + terms[3]  # [4, n]
    square = result * result
    result /= np.sqrt(square[0] + square[1] + square[2] + square[3])
    made: Array = result.T.reshape(b.shape)
    return made


def _terms(a: Array, b: Array) -> Array:
    """The four terms (first axis) of each part (second axis) of the products [4, 4, n] of ``a`` and ``b`` [4, n]."""
    terms: Array = a[_LEFT] * b[_RIGHT]
    terms *= _SIGNS
    return terms


def from_rotation_vectors(vectors: Array) -> Array:
    """The quaternions of turns by |v| radians about each v of [n, 3]: ``nsctl.geometry.from_rotation_vector``."""
    angle = np.sqrt(np.vecdot(vectors, vectors))
    tiny = angle < 1e-12
    angle = np.where(tiny, 1.0, angle)[:, None]
    result = np.concatenate([np.cos(angle / 2), np.sin(angle / 2) * vectors / angle], axis=1)
    result[tiny] = [1.0, 0.0, 0.0, 0.0]
    return result
