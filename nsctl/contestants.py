"""Who takes part in a comparison of many: an agent, the skills that it is lent, and whether it is shown the truth.

``nesy`` is an agent, ``nesy:FOLDER`` its variant with other weights, ``nesy+pick:FOLDER`` the same lent one skill, and
``nesy@truth`` the same in a world that shows true poses in place of a tracker's, so that its symbols are right: an oracle,
and a privilege class of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nsctl.errors import InvalidValue
from nsctl.run_config import RunConfig

TRUTH = "@truth"
EXAMPLE = "nesy,nesy+pick:FOLDER,nesy@truth"


@dataclass(frozen=True)
class Contestant:
    """One of several who play the same episodes; ``name`` is what it was called when it was asked for."""

    name: str
    agent: str
    skills: tuple[str, ...] = ()
    """Registered skills that take the place of the agent's own for their operators."""
    truth: bool = False
    """Whether its world shows true poses."""

    def config(self, terms: RunConfig) -> RunConfig:
        """Its run on these terms, whose own agent does not matter."""
        noise = 0.0 if self.truth else terms.pose_noise
        return replace(terms, agent=self.agent, skills=self.skills, pose_noise=noise)


def contestants(text: str) -> tuple[Contestant, ...]:
    """Those that ``text`` names, with commas between them; refuses none, one that is named twice and what is malformed."""
    found = tuple(_contestant(name.strip()) for name in text.split(",") if name.strip())
    if not found:
        raise InvalidValue(f"no agent is named: a list such as {EXAMPLE} was expected")
    names = [each.name for each in found]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise InvalidValue(f"the agent {twice!r} is named twice: name each once")
    return found


def _contestant(name: str) -> Contestant:
    who = name.removesuffix(TRUTH)
    agent, *skills = who.split("+")
    base = agent.partition(":")[0]  # a variant may name a device, as in pick:nvfp4@cuda
    if not base or "@" in base or not all(skills):
        raise InvalidValue(f"{name!r} names no agent: AGENT, AGENT+SKILL or AGENT{TRUTH} was expected, as in {EXAMPLE}")
    return Contestant(name, agent, tuple(skills), who != name)
