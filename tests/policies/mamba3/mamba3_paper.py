"""The paper's equations once more, one number at a time, from a block's parameters: slow, and without a tensor."""

from __future__ import annotations

import math

from policies.mamba3.block import Mamba3

Numbers = list[float]


class PaperBlock:
    """One row of a batch; ``step`` takes D numbers and gives D numbers (arXiv 2603.15569)."""

    def __init__(self, mamba: Mamba3) -> None:
        c = self.config = mamba.config
        self.w = {name: value.tolist() for name, value in mamba.state_dict().items()}
        self.theta = [[0.0] * c.angles for _ in range(c.heads)]
        self.h = [[[0.0] * c.d_state for _ in range(c.head_dim)] for _ in range(c.heads)]
        self.k = [[[0.0] * c.d_state for _ in range(c.rank)] for _ in range(c.heads)]
        self.x = [[0.0] * c.head_dim for _ in range(c.heads)]

    def step(self, u: Numbers) -> Numbers:
        c = self.config
        E, H, P, block = c.d_inner, c.heads, c.head_dim, c.rank * c.groups * c.d_state
        row = [sum(w * v for w, v in zip(weights, u, strict=True)) for weights in self.w["in_proj.weight"]]
        cuts = [E, E, block, block, H, H, H, c.angles]
        z, x, b, q, dd_dt, dd_a, trap, angle = (row[sum(cuts[:i]) : sum(cuts[: i + 1])] for i in range(8))
        mixed: Numbers = []
        for h in range(H):
            own = slice(h * P, (h + 1) * P)
            mixed += self._head(h, z[own], x[own], b, q, dd_dt[h], dd_a[h], trap[h], angle)
        return [sum(w * m for w, m in zip(weights, mixed, strict=True)) for weights in self.w["out_proj.weight"]]

    def _head(
        self,
        h: int,
        z: Numbers,
        x: Numbers,
        b: Numbers,
        q: Numbers,
        dd_dt: float,
        dd_a: float,
        trap: float,
        angle: Numbers,
    ) -> Numbers:
        c, P, N, R = self.config, self.config.head_dim, self.config.d_state, self.config.rank
        dt = math.log1p(math.exp(dd_dt + self.w["dt_bias"][h]))
        positive = math.log1p(math.exp(dd_a))
        if c.a_activation == "heavy_tail":
            positive = 1 + dd_a if dd_a >= 0 else 1 / (1 - dd_a)
        lam, alpha = 1 / (1 + math.exp(-trap)), math.exp(-max(positive, 1e-4) * dt)
        self.theta[h] = [t + math.pi * math.tanh(a) * dt for t, a in zip(self.theta[h], angle, strict=True)]
        k = [self._turned(self._normed("B", b, h, r), h) for r in range(R)]
        q_r = [self._turned(self._normed("C", q, h, r), h) for r in range(R)]
        psi, zeta, phi = (self.w[n][h] if n in self.w else [[1.0] * P] for n in ("mimo_x", "mimo_z", "mimo_o"))
        for p in range(P):
            for n in range(N):
                past = sum(self.x[h][p] * psi[r][p] * self.k[h][r][n] for r in range(R))
                present = sum(x[p] * psi[r][p] * k[r][n] for r in range(R))
                self.h[h][p][n] = alpha * self.h[h][p][n] + (1 - lam) * dt * alpha * past + lam * dt * present
        self.k[h], self.x[h] = k, x
        out = [0.0] * P
        for r in range(R):
            y = [
                sum(self.h[h][p][n] * q_r[r][n] for n in range(N)) + self.w["D"][h] * x[p] * psi[r][p] for p in range(P)
            ]
            if c.pre_gate_norm:
                size = math.sqrt(sum(v * v for v in y) / P + 1e-5)
                y = [v / size * w for v, w in zip(y, self.w["norm.weight"][h * P : (h + 1) * P], strict=True)]
            for p in range(P):
                gate = z[p] * zeta[r][p]
                out[p] += phi[r][p] * y[p] * gate / (1 + math.exp(-gate))
        return out

    def _normed(self, name: str, values: Numbers, h: int, r: int) -> Numbers:
        """B or C of head ``h`` and rank ``r``: rank by rank, group by group, channel by channel in the projection."""
        c, N = self.config, self.config.d_state
        start = (r * c.groups + h // (c.heads // c.groups)) * N
        own = values[start : start + N]
        size = math.sqrt(sum(v * v for v in own) / N + 1e-5)
        scale, bias = self.w[f"{name}_norm.weight"], self.w[f"{name}_bias"][h][r]
        return [v / size * s + a for v, s, a in zip(own, scale, bias, strict=True)]

    def _turned(self, values: Numbers, h: int) -> Numbers:
        """SISO turns neighbouring channels, MIMO the two halves."""
        out, half = list(values), len(values) // 2
        for j, t in enumerate(self.theta[h]):
            a, b = (2 * j, 2 * j + 1) if self.config.mimo_rank is None else (j, j + half)
            out[a] = values[a] * math.cos(t) - values[b] * math.sin(t)
            out[b] = values[a] * math.sin(t) + values[b] * math.cos(t)
        return out
