"""The kinds of network that are trained and played: one row each. An agent's name is its network's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nsctl.errors import InvalidValue, UnknownName
from policies.vla.config import VLAConfig, vla_size
from policies.vla.symbols import ANSWERS, ATOMS, SEEN, SLOTS, STAGES

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "vla": {"inputs": "pixels", "trunk": "attention"},
    "vla-mamba3": {"inputs": "pixels", "trunk": "mamba3", "window": 16},
    "vla-state": {"inputs": "state", "trunk": "attention", "width": 256, "layers": 4, "heads": 4},
}
"""From pixels; the same with a state-space trunk; from the tracker's poses, for which less is enough."""
BORROWED: Mapping[str, str] = {"vla-planned": "vla"}
"""Agents that play another variant's weights."""
TOLD: Mapping[str, Any] = {
    "slots": len(SLOTS),
    "pose": SEEN,
    "atoms": len(ATOMS),
    "stages": STAGES,
    "step": ANSWERS,
    "positions": True,
    "target": True,
}
"""What inputs ``state`` has of each slot, and what the auxiliary heads are asked."""
TINY = {"image": 128, "text": 39, "chunk": 16}
"""What a tiny network needs to be shown the same worlds."""


def network_of(variant: str, head: str = "", *, tiny: bool = False) -> VLAConfig:
    """The configuration of a variant's network; an agent that plays another's weights is told so."""
    if variant in BORROWED:
        raise InvalidValue(f"{variant!r} plays the weights of {BORROWED[variant]!r}: train that one")
    if variant not in VARIANTS:
        raise UnknownName("variant of the vision-language-action network", variant, VARIANTS)
    own = {key: VARIANTS[variant][key] for key in ("inputs", "trunk")} if tiny else dict(VARIANTS[variant])
    size = {**own, **TOLD, **(TINY if tiny else {}), "head": head or "l1"}
    return vla_size("tiny" if tiny else "small", **size)


def required(agent: str) -> Mapping[str, Any]:
    """The fields of a configuration that weights must have for this agent."""
    own = VARIANTS[BORROWED.get(agent, agent)]
    return {"inputs": own["inputs"], "trunk": own["trunk"], "slots": len(SLOTS), "pose": SEEN}
