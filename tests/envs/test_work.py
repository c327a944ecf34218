"""The four figures of the arm's work, by hand and by law."""

from __future__ import annotations

import numpy as np
import pytest

from envs.work import WorkSum


def test_lifting_and_letting_down() -> None:
    work = WorkSum()
    work.add(np.array([10.0, 10.0]), np.array([0.5, -0.2]), 2.0)  # 10 J in, 4 J back
    total = work.total
    assert total.absolute == pytest.approx(14.0)
    assert total.positive == pytest.approx(10.0)
    assert total.net == pytest.approx(6.0)
    assert total.torque_squared == pytest.approx(400.0)


def test_holding_still_costs_torque_and_no_work() -> None:
    work = WorkSum()
    work.add(np.full(7, 3.0), np.zeros(7), 0.5)
    assert work.total.absolute == work.total.net == 0.0
    assert work.total.torque_squared == pytest.approx(7 * 9.0 * 0.5)


def test_figures_add_up_whatever_the_cuts_and_keep_their_order() -> None:
    rng = np.random.default_rng(3)
    torque, velocity = rng.normal(size=(40, 7)), rng.normal(size=(40, 7))
    whole, parts = WorkSum(), WorkSum()
    whole.add(torque, velocity, 0.01)
    for start in range(0, 40, 8):
        parts.add(torque[start : start + 8], velocity[start : start + 8], 0.01)
    assert parts.total.model_dump() == pytest.approx(whole.total.model_dump(), rel=1e-12)
    total = whole.total
    assert total.absolute >= total.positive >= max(0.0, total.net)
    assert total.absolute == pytest.approx(2 * total.positive - total.net)
