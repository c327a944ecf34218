"""Weights of fewer bits: what is asked of a skill that can have such, and an agent whose skills play them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from nsctl import registry
from nsctl.contracts import Skill
from nsctl.custom_skills import made
from nsctl.errors import Unfit, UnknownName

PRECISIONS = ("float32", "bfloat16", "nvfp4")
"""``float32`` is how weights are trained and shipped; ``bfloat16`` is for a GPU."""


@dataclass(frozen=True)
class QuantisationRequest:
    """What ``nsctl quantize`` asks of a skill whose weights can be stored in fewer bits."""

    out: Path | None
    """Where to write the quantised policy; nowhere if ``None``."""
    weights: Path | None = None
    """The folder with the teacher's weights; the skill's own if ``None``."""
    rule: str = "search"
    """How scales are chosen: search, max or four-over-six."""
    exclude: tuple[str, ...] = ()
    """Layers that are kept whole, by name."""
    threshold: float | None = None
    """Action error of one layer alone from which on it is kept whole too; the skill's own choice if ``None``."""
    episodes: int = 12
    """Episodes, of each operator, in which the inputs for the action error are recorded."""
    seed: int = 0


@runtime_checkable
class Quantisable(Protocol):
    """A skill whose weights can be quantised. Made with ``nvfp4`` as its variant (``pick:nvfp4``) it plays such weights, and
    with ``nvfp4@cuda`` or ``float32@cuda:1`` it plays on that device, or refuses to be made where there is none.
    """

    operator: str

    def quantise(self, request: QuantisationRequest) -> Mapping[str, Any]:
        """Quantise, write weights and config into ``request.out``, and return the figures.

        Among them ``layers``: for each name, rows, kept rows, bytes before and after, weight error, action error, and why
        it was excluded if it was; and the same for the whole under ``bytes_before`` and so on. ``kernels``, if it is there,
        says of each name by which ``kernel`` it is computed on the ``device`` of this machine, and ``why``.
        """


@dataclass(frozen=True)
class DistillationRequest:
    """What ``nsctl distill`` asks of a skill whose weights can learn to act, in fewer bits, as they did before."""

    out: Path
    """Where to write the student, and what the distillation needs to go on."""
    weights: Path | None = None
    """The folder with the teacher's weights; the skill's own if ``None``."""
    teacher: str = ""
    """How the teacher was named, for the card."""
    precision: str = "nvfp4"
    """In what the student's weights are stored."""
    episodes: int | None = None
    """Demonstrations of each operator, and as many episodes of the student's own a round; the skill's choice if ``None``."""
    rounds: int | None = None
    """Rounds, of which the first learns from demonstrations alone; the skill's choice if ``None``."""
    device: str = "cpu"
    """Where the student learns, as its framework calls it: cpu, cuda, cuda:1."""
    seed: int = 0
    resume: bool = False
    quick: bool = False
    """A tiny run that exercises every stage; its weights are good for nothing."""


@runtime_checkable
class Distillable(Protocol):
    """A skill whose weights can be distilled into ones of fewer bits."""

    operator: str

    def distil(self, request: DistillationRequest) -> Mapping[str, Any]:
        """Distil, write weights, config and card into ``request.out``, and return the figures.

        Among them ``errors``: the action errors of ``ptq`` (quantised without training), ``qat`` (trained as long on the
        labels of the demonstrations) and ``qad`` on episodes that none was trained on. A student that is worse than without
        any training is an :class:`~nsctl.errors.NsctlError` and is not written.
        """


def skills_at(precision: str, agent: str, named: Sequence[str] = (), device: str = "cpu") -> tuple[str, ...]:
    """The names of the skills to lend ``agent`` so that it plays in ``precision`` on ``device``: ``named`` ones, then
    ``pick:nvfp4``, or ``pick:nvfp4@cuda``.

    A skill that is named plays as it is. Refuses an agent none of whose skills can be quantised, and a device that is not
    here.
    """
    if precision not in PRECISIONS:
        raise UnknownName("precision", precision, PRECISIONS)
    if device == "cpu" and precision == "bfloat16":
        raise Unfit("bfloat16 is for a GPU, a CPU plays in float32: add --device cuda, or leave --precision out")
    if device == "cpu" and precision == "float32":
        return tuple(named)
    own: Mapping[str, Skill] = getattr(registry.load("agents", agent)(), "skills", {})
    taken = {made(name).operator for name in named}
    able = [name for name, skill in own.items() if isinstance(skill, Quantisable) and _is_registered(name, skill)]
    if not able:
        what, option = ("be quantised", "--precision") if device == "cpu" else ("play on another device", "--device")
        raise Unfit(f"the agent {agent!r} has no skills that can {what}: leave {option} out")
    variant = precision if device == "cpu" else f"{precision}@{device}"
    lent = [f"{name}:{variant}" for name in able if name not in taken]
    for name in lent[: device != "cpu"]:
        registry.load("skills", name)()  # says by itself that there is no such device
    return (*named, *lent)


def quantised_at_load(agent: Mapping[str, Any]) -> list[str]:
    """By an agent's description: the operators whose weights were quantised when they were loaded, not beforehand."""
    skills = agent.get("skills")
    told = skills.items() if isinstance(skills, Mapping) else ()
    return [name for name, skill in told if isinstance(skill, Mapping) and skill.get("quantised") == "at load"]


def _is_registered(name: str, skill: Skill) -> bool:
    """Whether the skill of this registered name is such a one as ``skill``."""
    return name in registry.parts("skills") and type(made(name)) is type(skill)
