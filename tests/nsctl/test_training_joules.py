"""What training an agent has cost."""

from __future__ import annotations

from typing import Any

import pytest

from nsctl import registry
from nsctl.training_joules import UNTRAINED, training_joules


def part(sha256: str, joules: float | None = 10.0, label: str = "modelled") -> dict[str, Any]:
    return {"kind": "net", "sha256": sha256, "training": {"joules": joules, "label": label, "seconds": 1.0}}


def test_parts_add_up_and_shared_weights_count_once() -> None:
    parts = [part("aa"), part("bb", 5.0), part("aa"), {"kind": "scripted"}]
    assert training_joules(parts) == {"joules": 15.0, "label": "modelled"}


def test_a_sum_has_the_label_of_its_weakest_part() -> None:
    assert training_joules([part("aa", label="measured"), part("bb", label="attributed")]) == {
        "joules": 20.0,
        "label": "attributed",
    }


@pytest.mark.parametrize(
    "unknown",
    [
        {"sha256": "cc"},
        {"sha256": "cc", "training": None},
        {"sha256": "cc", "training": "much"},
        part("cc", None),
        part("cc", label="exact"),
    ],
)
def test_a_single_unknown_part_makes_the_sum_unknown(unknown: dict[str, Any]) -> None:
    assert training_joules([part("aa"), unknown]) is None


def test_what_was_not_trained_has_cost_nothing() -> None:
    assert training_joules([{"kind": "scripted"}]) == UNTRAINED
    assert registry.load("agents", "random")().describe()["training"] == UNTRAINED
    assert registry.load("agents", "scripted")().describe()["training"] == UNTRAINED


def test_the_shipped_agent_tells_the_sum_of_its_skills() -> None:
    told = registry.load("agents", "nesy")().describe()
    costs = {each["sha256"]: each["training"]["joules"] for each in told["skills"].values() if "sha256" in each}
    assert told["training"]["joules"] == sum(costs.values()) > 0
    assert told["training"]["label"] == "modelled"
