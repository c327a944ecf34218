"""What a run is to do: the choices that, together with the parts' versions, decide every episode."""

from __future__ import annotations

from dataclasses import dataclass

from nsctl.contracts import SuiteOptions
from nsctl.disturbance import Disturbance, require_distinct
from nsctl.errors import InvalidValue


@dataclass(frozen=True)
class RunConfig:
    """A task, an agent, an engine and how many episodes; ``pose_noise`` in metres."""

    task: str
    agent: str = "nesy"
    engine: str = "mujoco"
    episodes: int = 10
    seed: int = 0
    disturb: tuple[Disturbance, ...] = ()
    pose_noise: float = SuiteOptions.pose_noise
    workers: int = 1
    skills: tuple[str, ...] = ()
    """Registered skills that take the place of the agent's own for their operators."""

    def __post_init__(self) -> None:
        for name, least in (("episodes", 1), ("seed", 0), ("workers", 1)):
            if getattr(self, name) < least:
                raise InvalidValue(f"{name} must be >= {least}, got {getattr(self, name)}")
        require_distinct(self.disturb)

    def options(self, *, video: bool = False) -> SuiteOptions:
        """How the world of such a run is set up."""
        return SuiteOptions(self.engine, self.disturb, self.pose_noise, video=video)
