"""The block is one function, whichever way it is computed."""

from __future__ import annotations

import math

import pytest
import torch

from nsctl.errors import InvalidValue
from policies.mamba3.block import Mamba3, heavy_tail
from policies.mamba3.config import Mamba3Config
from policies.mamba3.recurrence import Drive, Mamba3State, parallel, rotate, sequential, step


def block(**options: object) -> Mamba3:
    """A float64 block whose step sizes are raised until angles span full turns: small angles would hide a wrong one."""
    torch.manual_seed(3)
    made = Mamba3(Mamba3Config(d_model=16, d_state=8, head_dim=8, **options)).double()  # type: ignore[arg-type]
    made.dt_bias.data += 4.0
    return made


@pytest.fixture(params=[{}, {"rope_fraction": 1.0}, {"a_activation": "heavy_tail"}], ids=str)
def mamba(request: pytest.FixtureRequest) -> Mamba3:
    return block(**request.param)


def test_parallel_equals_sequential(mamba: Mamba3) -> None:
    x = torch.randn(3, 21, 16, dtype=torch.float64)
    torch.testing.assert_close(mamba(x), mamba(x, mamba.rest(3)), rtol=1e-11, atol=1e-11)


def test_steps_equal_the_sequence(mamba: Mamba3) -> None:
    x, state, outputs = torch.randn(2, 13, 16, dtype=torch.float64), mamba.rest(2), []
    for t in range(13):
        y, state = mamba.step(x[:, t], state)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, 1), mamba(x), rtol=1e-11, atol=1e-11)


def test_gradients_of_both_forms_agree(mamba: Mamba3) -> None:
    x = torch.randn(2, 9, 16, dtype=torch.float64)
    gradients = []
    for y in (mamba(x), mamba(x, mamba.rest(2))):
        gradients.append(torch.autograd.grad(y.square().sum(), list(mamba.parameters())))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_gradients_stay_finite_over_long_sequences() -> None:
    mamba = block()
    mamba(torch.randn(1, 200, 16, dtype=torch.float64)).sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in mamba.parameters() if p.grad is not None)


def test_the_state_is_what_counts_and_no_future_is_seen() -> None:
    mamba, x = block(), torch.randn(1, 10, 16, dtype=torch.float64)
    changed = x.clone()
    changed[:, 6:] += 1.0
    before, after = mamba(x), mamba(changed)
    torch.testing.assert_close(before[:, :6], after[:, :6], rtol=0, atol=0)
    assert (before[:, 6:] - after[:, 6:]).abs().max() > 1e-3


def test_episodes_in_a_batch_do_not_leak_into_each_other() -> None:
    mamba, x = block(), torch.randn(4, 7, 16, dtype=torch.float64)
    alone = torch.cat([mamba(x[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(mamba(x), alone, rtol=1e-12, atol=1e-12)


def drive_of(q: list[float], k: list[float], v: float, log_alpha: float, dt: float, trapezoid: float) -> Drive:
    """One moment of one head with P = 1, N = 2 and no rotation."""
    one = torch.tensor
    return Drive(
        one([[q]]), one([[k]]), one([[[v]]]), one([[log_alpha]]), one([[dt]]), one([[trapezoid]]), torch.zeros(1, 1, 1)
    )


def test_a_step_by_hand() -> None:
    """h = alpha h0 + (1 - lambda) dt alpha v0 k0^T + lambda dt v k^T, y = h q, all numbers chosen."""
    log_alpha = torch.log(torch.tensor(0.5)).item()
    start = Mamba3State(
        torch.zeros(1, 1, 1), torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[3.0]]])
    )
    y, after = step(drive_of([1.0, 1.0], [0.0, 1.0], 4.0, log_alpha, 0.2, 0.25), start)
    torch.testing.assert_close(after.h, torch.tensor([[[[0.5 + 0.75 * 0.2 * 0.5 * 3.0, 1.0 + 0.25 * 0.2 * 4.0]]]]))
    torch.testing.assert_close(y, torch.tensor([[[0.725 + 1.2]]]))


def test_a_trapezoid_of_one_forgets_the_last_input() -> None:
    """lambda = 1 is Mamba-2's rule: the past enters through the state alone."""
    torch.manual_seed(0)
    drive = Drive(
        torch.randn(1, 5, 2, 4), torch.randn(1, 5, 2, 4), torch.randn(1, 5, 2, 3),
        -torch.rand(1, 5, 2), torch.rand(1, 5, 2), torch.ones(1, 5, 2), torch.zeros(1, 5, 2, 1),
    )  # fmt: skip
    h, outputs = torch.zeros(1, 2, 3, 4), []
    for t in range(5):
        write = (drive.dt[:, t, :, None] * drive.v[:, t])[..., None] * drive.k[:, t, :, None]
        h = torch.exp(drive.log_alpha[:, t])[..., None, None] * h + write
        outputs.append((h @ drive.q[:, t, :, :, None]).squeeze(-1))
    torch.testing.assert_close(parallel(drive), torch.stack(outputs, 1), rtol=1e-5, atol=1e-5)
    rest = Mamba3State(torch.zeros(1, 2, 1), torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 4), torch.zeros(1, 2, 3))
    torch.testing.assert_close(sequential(drive, rest)[0], torch.stack(outputs, 1), rtol=1e-5, atol=1e-5)


def test_rotation_turns_neighbouring_pairs_and_leaves_the_rest() -> None:
    x = torch.tensor([1.0, 0.0, 0.0, 2.0, 5.0, 6.0])
    turned = rotate(x, torch.tensor([torch.pi / 2, torch.pi]))
    torch.testing.assert_close(turned, torch.tensor([0.0, 1.0, 0.0, -2.0, 5.0, 6.0]), atol=1e-6, rtol=0)


def test_heavy_tail() -> None:
    x = torch.tensor([-3.0, 0.0, 2.0])
    torch.testing.assert_close(heavy_tail(x), torch.tensor([0.25, 1.0, 3.0]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head_dim": 7}, "must be a multiple of head_dim = 7"),
        ({"rope_fraction": 0.3}, "rope_fraction must be 0.5 or 1.0, got 0.3"),
        ({"d_state": 6}, "d_state must be a multiple of 4, got 6"),
        ({"a_activation": "relu"}, "a_activation must be softplus or heavy_tail, got 'relu'"),
        ({"dt_min": 0.2}, "0 < dt_min < dt_max is needed, got 0.2 and 0.1"),
    ],
)
def test_nonsense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        Mamba3Config(d_model=16, **options)  # type: ignore[arg-type]


def test_the_block_is_the_papers_equations() -> None:
    """Every equation once more, one number at a time, from the block's parameters (arXiv 2603.15569)."""
    mamba = block()
    x = torch.randn(1, 6, 16, dtype=torch.float64)
    y = [paper_step(mamba, x[0, t].tolist(), memory) for memory in [{}] for t in range(6)]
    torch.testing.assert_close(mamba(x)[0], torch.tensor(y, dtype=torch.float64), rtol=1e-9, atol=1e-9)


def paper_step(mamba: Mamba3, x: list[float], memory: dict[str, list]) -> list[float]:  # type: ignore[type-arg]
    """One moment with plain floats; ``memory`` holds angle, state, last key and last value of each head."""
    c = mamba.config
    E, N, H, P, S = c.d_inner, c.d_state, c.heads, c.head_dim, c.angles
    row = [sum(w * v for w, v in zip(weights, x, strict=True)) for weights in mamba.in_proj.weight.tolist()]
    z, v, b, q = row[:E], row[E : 2 * E], row[2 * E : 2 * E + N], row[2 * E + N : 2 * E + 2 * N]
    rest = row[2 * E + 2 * N :]
    dd_dt, dd_a, trap, angle = rest[:H], rest[H : 2 * H], rest[2 * H : 3 * H], rest[3 * H :]

    def norm(values: list[float], scale: torch.Tensor) -> list[float]:
        size = math.sqrt(sum(u * u for u in values) / N + 1e-5)
        return [u / size * s for u, s in zip(values, scale.tolist(), strict=True)]

    def turned(values: list[float], theta: list[float]) -> list[float]:
        out = list(values)
        for j, t in enumerate(theta):
            a, d = values[2 * j], values[2 * j + 1]
            out[2 * j], out[2 * j + 1] = a * math.cos(t) - d * math.sin(t), a * math.sin(t) + d * math.cos(t)
        return out

    memory.setdefault("theta", [[0.0] * S for _ in range(H)])
    memory.setdefault("h", [[[0.0] * N for _ in range(P)] for _ in range(H)])
    memory.setdefault("k", [[0.0] * N for _ in range(H)])
    memory.setdefault("v", [[0.0] * P for _ in range(H)])
    mixed: list[float] = []
    for h in range(H):
        dt = math.log1p(math.exp(dd_dt[h] + mamba.dt_bias[h].item()))
        decay = max(math.log1p(math.exp(dd_a[h])), 1e-4)
        lam, alpha = 1 / (1 + math.exp(-trap[h])), math.exp(-decay * dt)
        memory["theta"][h] = [t + math.pi * math.tanh(a) * dt for t, a in zip(memory["theta"][h], angle, strict=True)]
        theta = memory["theta"][h]
        k = turned([u + s for u, s in zip(norm(b, mamba.B_norm), mamba.B_bias[h].tolist(), strict=True)], theta)
        r = turned([u + s for u, s in zip(norm(q, mamba.C_norm), mamba.C_bias[h].tolist(), strict=True)], theta)
        values = v[h * P : (h + 1) * P]
        for p in range(P):
            for n in range(N):
                past = (1 - lam) * dt * alpha * memory["v"][h][p] * memory["k"][h][n]
                memory["h"][h][p][n] = alpha * memory["h"][h][p][n] + past + lam * dt * values[p] * k[n]
            read = sum(memory["h"][h][p][n] * r[n] for n in range(N)) + mamba.D[h].item() * values[p]
            gate = z[h * P + p]
            mixed.append(read * gate / (1 + math.exp(-gate)))
        memory["k"][h], memory["v"][h] = k, values
    return [sum(w * m for w, m in zip(weights, mixed, strict=True)) for weights in mamba.out_proj.weight.tolist()]
