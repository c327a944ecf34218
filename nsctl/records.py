"""The nouns of a run's record: what was asked, where, with what, and how every episode went.

``run.json`` holds one :class:`RunRecord`, ``episodes.jsonl`` one :class:`EpisodeRecord` a line. A figure that is not
known is ``null``, never 0. Wall times, CPU times and joules of an episode lie under ``seconds`` and ``joules`` alone:
the rest of its line but ``run`` is the same whenever the same episode is played (:meth:`EpisodeRecord.replayable`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from nsctl.contracts import Label, Scope
from nsctl.outcomes import EpisodeStatus
from nsctl.phases import PHASES, Figure
from nsctl.scene import Channel

SCHEMA_VERSION: Final = 3
LABELS: tuple[Label, ...] = ("measured", "attributed", "modelled", "simulated", "unavailable")
"""From the most to the least to be trusted."""
Privilege = Literal["sim_truth", "tracked", "pixels"]
"""Where an agent's knowledge of the objects comes from: the simulator's truth, a (simulated) tracker, pictures alone."""
RunStatus = Literal["running", "complete", "interrupted"]
Grade = Literal["A", "B", "C", "D"]
"""A an external wall meter, B counters that the run had to itself, C counters that it shared, D a model."""


def plain(value: Any) -> Any:
    """``value`` as JSON has it: tuples become lists, numbers of numpy become Python's. Refuses infinity and NaN."""
    return json.loads(json.dumps(value, default=_plain_one, allow_nan=False))


def _plain_one(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return value.tolist() if hasattr(value, "tolist") else str(value)


JsonFields = Annotated[dict[str, JsonValue], BeforeValidator(plain)]
"""What a part says of itself, in its own words."""


def _moment(text: str) -> str:
    """``text``, if it is a moment by ISO 8601 that says how far its clock is from UTC."""
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"a time of ISO 8601 with its distance from UTC was expected, got {text!r}")
    return text


Moment = Annotated[str, AfterValidator(_moment)]
SUMS = ("agent", "total")
"""Of joules: of the agent's phases, and of all."""
P = TypeVar("P")


def _having(*names: str) -> AfterValidator:
    """Refuses entries of an episode among which one of these is missing; what is not known has one, with ``null``."""

    def whole(told: dict[str, P]) -> dict[str, P]:
        if missing := [name for name in names if name not in told]:
            raise ValueError(f"there is no entry of {', '.join(missing)}, not even null")
        return told

    return AfterValidator(whole)


def _keys(*names: str) -> Any:
    """The same for the published schema."""
    return Field(json_schema_extra={"required": list(names)})


class Record(BaseModel):
    """Base of all records: frozen, and no field that is not named here."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FigureRecord(Record):
    """Joules, how they were obtained and from which meter."""

    value: float | None
    label: Label
    source: str

    @classmethod
    def of(cls, figure: Figure) -> FigureRecord:
        """The record of a clock's figure."""
        return cls(value=figure.value, label=figure.label, source=figure.source)

    @classmethod
    def total(cls, figures: Iterable[FigureRecord]) -> FigureRecord:
        """The sum, labelled as its weakest part; a sum with a missing part is missing."""
        parts = list(figures)
        values = [part.value for part in parts if part.value is not None]
        if not parts or len(values) < len(parts):
            return cls(value=None, label="unavailable", source="none")
        sources = "+".join(dict.fromkeys(name for part in parts for name in part.source.split("+")))
        return cls(value=sum(values), label=weakest(part.label for part in parts), source=sources)

    @classmethod
    def mean(cls, figures: Iterable[FigureRecord]) -> FigureRecord:
        """The mean, labelled likewise."""
        parts = list(figures)
        total = cls.total(parts)
        return total if total.value is None else total.model_copy(update={"value": total.value / len(parts)})


def weakest(labels: Iterable[Label]) -> Label:
    """The least trusted of ``labels``; ``unavailable`` if there is none."""
    return max(labels, key=LABELS.index, default="unavailable")


class PhaseSeconds(Record):
    """Wall and CPU seconds of one phase; ``cpu`` is that of the playing process, all threads."""

    wall: float
    cpu: float
    children: float | None = None
    """CPU seconds of child processes that ended in the phase; ``None`` where nobody looked."""


class RobotWork(Record):
    """What the arm's joints did in an episode, by the simulator's torques and velocities: always ``simulated``."""

    absolute: float
    """Joules: the sum of |torque x velocity| x time over joints and substeps."""
    positive: float
    """Joules that the motors put in; what comes back is lost."""
    net: float
    """Joules put in less joules that came back."""
    torque_squared: float
    """N^2 m^2 s: what a motor's windings turn into heat, but for a constant that the motor knows."""


class IdleRecord(Record):
    """What the machine draws when the run does nothing, by each counter of the whole machine or of devices that can tell."""

    before: dict[str, float]
    """Watts by meter, before the first episode; ``after`` likewise, after the last."""
    after: dict[str, float]
    seconds: float
    """How long each of the two looks took."""
    drift: bool
    """Whether they differ by more than a tenth."""
    contended: bool
    """Whether other processes were busy at either look."""
    devices: dict[str, float] = Field(default_factory=dict)
    """Watts, by meter, of devices that are charged to who uses them alone (GPUs), before the first episode; not in net."""


class OutcomeRecord(Record):
    """How the episode ended, and why if not well."""

    status: EpisodeStatus
    reason: str


class EpisodeRecord(Record):
    """One line of ``episodes.jsonl``. Its key is (run, task, index)."""

    run: str
    task: str
    index: int = Field(ge=0)
    seed: int
    initial_hash: str | None
    """Of the settled initial state; ``None`` if the world could not be reset."""
    final_hash: str | None
    outcome: OutcomeRecord
    success_once: bool
    success_at_end: bool
    steps: int = Field(ge=0)
    plan_length: int | None
    """Steps of the first plan; ``None`` for an agent that does not plan."""
    plans: int
    replans: int
    retries: int
    looks: int = 0
    """Looks at a scene again because it left open what mattered; older records know of none."""
    skills: tuple[JsonFields, ...]
    """One entry for each skill execution."""
    disturbances: tuple[JsonFields, ...]
    """One entry for each event: ``step``, ``kind``, ``strength`` and what was drawn."""
    robot: RobotWork | None = None
    """``None`` where the world does not tell it."""
    seconds: Annotated[dict[str, PhaseSeconds], _having(*PHASES), _keys(*PHASES)]
    joules: Annotated[dict[str, FigureRecord], _having(*PHASES, *SUMS), _keys(*PHASES, *SUMS)]
    """By phase, and the sums ``agent`` (perceive, plan, policy) and ``total``."""

    def replayable(self) -> dict[str, Any]:
        """What is the same whenever the same episode is played: all but ``run``, ``seconds`` and ``joules``."""
        return self.model_dump(mode="json", exclude={"run", "seconds", "joules"})


def replay_sha256(episodes: Iterable[EpisodeRecord]) -> str:
    """SHA-256 over what must repeat in ``episodes``, by index; two runs that are the same share it."""
    lines = [json.dumps(e.replayable(), sort_keys=True) + "\n" for e in sorted(episodes, key=lambda e: e.index)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


class DisturbanceRecord(Record):
    """A kind of disturbance that was asked for, and how strong."""

    model_config = ConfigDict(from_attributes=True)

    kind: str
    strength: float


class ConfigRecord(Record):
    """What was asked for. ``protocol`` is the hash of what the task demands (:func:`nsctl.tasks.protocol_hash`)."""

    task: str
    task_version: int
    protocol: str
    agent: str
    engine: str
    episodes: int = Field(ge=1)
    seed: int
    disturb: tuple[DisturbanceRecord, ...]
    pose_noise: float
    workers: int = Field(ge=1)
    skills: tuple[str, ...] = ()
    """Skills that took the place of the agent's own; records from before there was such a choice have none."""


class HardwareRecord(Record):
    """The machine; what cannot be found out is ``None``."""

    cpu: str | None
    cores: int | None
    memory_bytes: int | None
    gpu: str | None


class MeterRecord(Record):
    """A registered meter: whether its joules count in this record and, if it cannot work here, why."""

    name: str
    label: Label | None
    granularity: str | None
    scope: Scope | None = None
    """Whose joules it counts (:data:`nsctl.contracts.Scope`); records from before idle power was looked at do not know."""
    counts: bool
    why_not: str
    description: JsonFields


class GitRecord(Record):
    """The commit of nsctl's own checkout, and whether it had changes that were not committed."""

    sha: str
    dirty: bool


class RunRecord(Record):
    """``run.json``."""

    schema_version: Literal[3] = SCHEMA_VERSION
    id: str = Field(pattern=r"^[^/\\\x00-\x1f]+$")
    """The folder's name, and the beginning of those of its videos: no path."""
    status: RunStatus
    command: tuple[str, ...]
    merged: tuple[str, ...] = ()
    """Ids of the partial records that this one was put together from (``nsctl runs merge``)."""
    config: ConfigRecord
    agent: JsonFields
    """The agent in its own words: parts, hashes of weights, what each part reads."""
    world: JsonFields
    """The world in its own words: engine, simulator version, channels and their labels."""
    privilege: Privilege
    versions: dict[str, str]
    code: str | None
    """SHA-256 (16 hex digits) of the sources of our five packages (:func:`nsctl.provenance.code`); the first records
    of schema 1 do not know it."""
    hardware: HardwareRecord
    meters: tuple[MeterRecord, ...]
    grade: Grade | None = None
    """How far the joules can be trusted; ``None`` where no counter worked, and in records from before schema 3."""
    idle: IdleRecord | None = None
    """``None`` where no counter of the whole machine or of a device counts, so that there is no idle power to be told."""
    carbon: tuple[JsonFields, ...]
    """codecarbon's final fields, verbatim, or why there are none; one entry for each session that asked for it."""
    git: GitRecord | None
    """``None`` if nsctl does not run from a checkout."""
    started: Moment
    ended: Moment | None
    """ISO 8601, UTC."""
    wall_seconds: float | None
    """Over all sessions that ended in good order (a session that was killed cannot tell)."""
    episodes_sha256: str | None
    """Of ``episodes.jsonl`` once the run is complete, so that later changes are noticed."""
    replay_sha256: str | None
    """Of what repeats in the episodes (:func:`replay_sha256`) once the run is complete: the same for the same run.

    It was taken over the fields that episodes had when the run was recorded.
    """


def privilege(channels: Mapping[str, Channel]) -> Privilege:
    """The class of a world: what its ``objects`` channel gives away, or ``pixels`` if it has none."""
    if "objects" not in channels:
        return "pixels"
    return "sim_truth" if channels["objects"] == "sim_truth" else "tracked"


def complaint(error: ValidationError) -> str:
    """The first field that did not fit, and why."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg'].removeprefix('Value error, ')}"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of both files: ``run`` and ``episode``."""
    return {"run": RunRecord.model_json_schema(), "episode": EpisodeRecord.model_json_schema()}
