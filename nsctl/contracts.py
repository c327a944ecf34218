"""What each kind of part must do, so that anyone's part can take its place.

The contracts are protocols: a part needs no base class of ours, only the right methods. ``tests/contracts`` runs over
everything that is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from nsctl.disturbance import Disturbance, require_distinct
from nsctl.errors import InvalidValue
from nsctl.outcomes import PlanOutcome
from nsctl.scene import Action, Channel, Image, Observation, Pose, SceneEstimate
from nsctl.symbolic import Domain, Number, Plan, PlanStep, Problem, SymbolicState
from nsctl.task import Brief, Task

Label = Literal["measured", "attributed", "modelled", "simulated", "unavailable"]
Granularity = Literal["phase", "episode", "run"]
Scope = Literal["process", "device", "machine"]
"""Whose joules a counter counts: this process's (its children then count for themselves), those of a device from when
this process uses it on, idle power included, or the whole machine's."""
SkillStatus = Literal["running", "succeeded", "failed"]


class Perception(Protocol):
    """Turns what is observed into where things are believed to be."""

    reads: Sequence[str]
    """The channels of an observation that it looks at."""

    def begin(self, task: Brief) -> None:
        """A new episode of ``task`` starts: forget the last one."""

    def __call__(self, observation: Observation) -> SceneEstimate: ...


class Grounder(Protocol):
    """Turns a scene estimate into the atoms that hold in it."""

    def __call__(self, scene: SceneEstimate, problem: Problem) -> SymbolicState:
        """The fluents of ``problem``'s domain that hold in ``scene``, together with the problem's static atoms.

        Where the uncertainty of ``scene`` leaves more than one state open, it names the others;
        :func:`nsctl.doubt.with_doubts` finds them for any way of grounding.
        """


class PlanMonitor(Protocol):
    """Watches one plan: does the rest of it still work from what is true now?"""

    def entry(self, state: SymbolicState) -> int | None:
        """The number of the step from which the rest of the plan leads from ``state`` to the goal.

        Of several such steps it is the last, so that nothing is done that is done already; the length of the plan if
        the goal holds; ``None`` if a new plan is needed.
        """


class PlanningSession(Protocol):
    """A planner that stays warm over one problem: only the state from which it plans changes."""

    def plan(
        self,
        init: SymbolicState,
        *,
        avoid: Collection[PlanStep] = (),
        optimal: bool = True,
        time_limit: float = 10.0,
    ) -> PlanOutcome:
        """A plan from ``init`` to the problem's goal that uses no step of ``avoid``; seconds of wall time.

        With ``optimal``, the cheapest one, proven so if the time suffices; otherwise the first good one.
        """

    def monitor(self, plan: Plan) -> PlanMonitor:
        """Who watches ``plan``, which this session found."""


class Planner(Protocol):
    """Reads domains and problems, and finds plans in them."""

    name: str

    def domain(self, pddl: str, source: str = "") -> Domain:
        """The domain that this PDDL text states; ``source`` is its file's name, for messages."""

    def problem(self, pddl: str, domain: Domain, source: str = "") -> Problem:
        """The problem over ``domain`` that this PDDL text states."""

    def session(self, problem: Problem) -> PlanningSession: ...

    def describe(self) -> Mapping[str, Any]:
        """Name, version and settings: what a record should know."""


class Explainer(Protocol):
    """What a planner may offer beyond plans; ``nsctl plan`` takes these from ``clingo`` where a planner has none."""

    def explain(self, problem: Problem, plan: Plan) -> list[list[int | str]]:
        """For each step the numbers (from 0) of the later steps that need it, and ``"goal"`` if the goal does."""

    def why_unsolvable(self, problem: Problem, time_limit: float = 10.0) -> list[str]:
        """Why there is no plan, in sentences, each of which says whether it is a proof."""

    def draw(self, problem: Problem, plan: Plan, path: Path, kind: str) -> None:
        """Write a picture of the plan; ``kind`` is one of plan, causal and states."""

    def check_target(self, path: Path, kind: str) -> None:
        """Refuse a path that :meth:`draw` could not write such a picture to."""

    def priced(self, problem: Problem, table: Mapping[str, float]) -> Problem:
        """``problem`` with operator costs from ``table``; refuses a table that does not fit the operators."""

    def text(self, plan: Plan) -> str:
        """The plan as validators read it: one step a line."""

    def check(self, problem: Problem, text: str) -> tuple[Number | None, str]:
        """Judge the text of a plan: its cost if it is valid, and otherwise ``None`` and what is wrong with it."""


class Execution(Protocol):
    """A skill at work on one step of one episode; everything that it remembers lives here."""

    @property
    def status(self) -> SkillStatus: ...

    @property
    def reason(self) -> str:
        """Why the skill failed; empty otherwise."""

    def act(self, scene: SceneEstimate) -> Action:
        """The next action; may end the execution, in which case the action holds still."""


RECOVERIES = ("regrasp", "clear")
"""Operators outside every domain whose skills an agent may call, in this order, when a step has failed again: take anew
what is held, or else let go and leave the view clear. Their steps name the failed step's first argument."""


class Skill(Protocol):
    """An option (Sutton, Precup and Singh, 1999): achieves one operator by moving the arm.

    A skill that can serve many episodes in one call also has ``act_batch(executions, scenes) -> [Action, ...]``. One whose
    operator no domain knows also has ``pddl``, the text of one ``(:action ...)``, which is added to the task's domain.
    """

    operator: str

    def begin(self, step: PlanStep, scene: SceneEstimate) -> Execution:
        """Start on ``step`` from ``scene``."""

    def describe(self) -> Mapping[str, Any]:
        """What a record should know: kind, parameters, hash of the weights."""


@dataclass(frozen=True)
class TrainingRequest:
    """What ``nsctl train skill`` asks of a skill that can be trained."""

    out: Path
    seed: int = 0
    workers: int = 1
    resume: bool = False
    quick: bool = False
    """A tiny run that exercises every stage; its weights are good for nothing."""
    operators: tuple[str, ...] = ()
    """The operators that one network shall learn together; the skill's own if there are none."""
    tasks: tuple[str, ...] = ()
    """The tasks in which it learns; the skill's own choice if there are none."""
    device: str = "cpu"
    """Where the network learns, as its framework calls it: cpu, cuda, cuda:1."""
    backbone: str = ""
    """The kind of network, where a skill offers several; empty for its own choice."""


@dataclass(frozen=True)
class AgentTrainingRequest(TrainingRequest):
    """What ``nsctl train vla`` asks of an agent that can be trained."""

    head: str = ""
    """The kind of action head, where an agent offers several; empty for its own choice."""
    minutes: float | None = None
    """Wall time after which training stops at a checkpoint, to be gone on with later; no limit if ``None``."""
    budget: float = 1.0
    """Training steps, as a multiple of the usual number."""
    compiled: bool = False
    """Whether the network is compiled first, where its framework can."""

    def __post_init__(self) -> None:
        for name, value in (("minutes", self.minutes), ("budget", self.budget)):
            if value is not None and not value > 0:
                raise InvalidValue(f"{name} must be > 0, got {value}")


@runtime_checkable
class Trainable(Protocol):
    """A skill, or an agent, that can be trained from nothing; an agent is asked by an :class:`AgentTrainingRequest`."""

    def train(self, request: TrainingRequest) -> Mapping[str, Any]:
        """Train, write weights, config and card into ``request.out`` and return the figures of the card."""


@dataclass(frozen=True)
class AgentReport:
    """What an agent tells of one episode when it is over."""

    plan_length: int | None = None
    """Steps of the first plan; ``None`` for an agent that does not plan."""
    plans: int = 0
    replans: int = 0
    retries: int = 0
    looks: int = 0
    """Looks at a scene again because it left open what mattered."""
    steps: tuple[Mapping[str, Any], ...] = ()
    """One entry for each skill execution: step, status, reason, control steps."""
    reason: str = ""
    """Why the agent gave up; empty if it did not."""


@dataclass(frozen=True)
class Sight:
    """What an agent is shown beside its own arm: the pictures of ``cameras``, and, if it wants them, the tracker's poses.

    Pictures are drawn for every ``every``-th control step from the first on, which saves an agent's world most of its
    drawing if it looks less often than it acts; in between, ``Observation.images`` is ``None``.
    """

    cameras: tuple[str, ...] = ()
    objects: bool = True
    every: int = 1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InvalidValue(f"an agent's sight must have every >= 1, got {self.every}")


class Agent(Protocol):
    """Acts in a world. Enters ``clock.phase("perceive" | "plan" | "policy")`` around the work of each kind.

    An agent that looks at pictures, or at no poses, also has ``sight``, a :class:`Sight`: worlds show it that and nothing
    else. An agent whose skills can be replaced (``nsctl run --skill``) also has ``adopt(skill)``; with ``skills``, a mapping
    from operator to skill, their decisions can be replayed by themselves (``nsctl energy replay``).
    """

    name: str

    def reset(self, task: Brief, seed: int, clock: PhaseClock) -> None:
        """A new episode of ``task`` starts."""

    def act(self, observation: Observation) -> Action | None:
        """The next action, or ``None`` when the agent is done: because all is well, or with a reason in its report."""

    @property
    def subgoal(self) -> str:
        """What the agent is about, in a few words, for the progress line."""

    def report(self) -> AgentReport: ...

    def describe(self) -> Mapping[str, Any]:
        """What a run's record should know: parts, weights hashes, the channels that each part reads.

        Under ``knowledge``, what the agent was given beforehand (:mod:`nsctl.ledger`).
        """


class PhaseClock(Protocol):
    """Charges time and energy to the phase that is open; see :mod:`nsctl.phases`."""

    def phase(self, name: str) -> Any:
        """A context manager: what happens inside is charged to ``name``."""


@dataclass(frozen=True)
class SuiteOptions:
    """How a world is to be set up for an evaluation."""

    engine: str = "mujoco"
    disturb: tuple[Disturbance, ...] = ()
    """What is done to the world in each episode; no kind twice."""
    pose_noise: float = 0.001
    """Standard deviation [m] of the simulated tracker's bias; 0 gives true poses, and the record says so."""
    cameras: tuple[str, ...] = ()
    """Cameras whose pictures observations carry."""
    pictures_every: int = 1
    """Control steps from one observation with pictures to the next; the first of an episode has them."""
    video: bool = False
    """Whether :meth:`World.render` will be called (in a prettier setting than the policy's cameras)."""
    objects: bool = True
    """Whether observations carry the tracker's poses."""

    def __post_init__(self) -> None:
        require_distinct(self.disturb)
        if self.pictures_every < 1:
            raise InvalidValue(f"pictures_every must be >= 1, got {self.pictures_every}")


class World(Protocol):
    """A task on an engine. It alone judges success, from the engine's truth.

    A world that knows what the arm's joints did since the episode began also has ``robot_work``, a
    :class:`nsctl.records.RobotWork` or ``None``.
    """

    task: Task
    channels: Mapping[str, Channel]
    initial_hash: str
    """SHA-256 (16 hex digits) of the settled initial state."""

    def reset(self, seed: int, episode: int) -> Observation:
        """Start the episode of this number; the same numbers give the same initial state for every agent."""

    def step(self, action: Action) -> Observation: ...

    def conclude(self) -> None:
        """The agent is done: let the world stand still for as long as success must last, and judge."""

    @property
    def over(self) -> bool:
        """Nothing more to do: the horizon has passed, a rule was broken, or success has long lasted."""

    @property
    def violation(self) -> str:
        """The rule of the task that was broken, which makes success impossible; empty if none was."""

    @property
    def success_once(self) -> bool: ...

    @property
    def success_at_end(self) -> bool: ...

    @property
    def disturbances(self) -> Sequence[Mapping[str, Any]]:
        """What was done to the world in this episode, in order."""

    def state_hash(self) -> str:
        """SHA-256 (16 hex digits) of the present state."""

    def truth(self) -> Mapping[str, Pose]:
        """True poses, for tests, teachers and videos. An agent never sees them."""

    def render(self) -> Image:
        """A picture for people, uint8 [height, width, 3]."""

    def show(self) -> bool:
        """Show the present moment in a window; says whether it is open. Without a display: :class:`NoWindow`."""

    def describe(self) -> Mapping[str, Any]: ...

    def close(self) -> None: ...


class Suite(Protocol):
    """A family of tasks, and the way to put one into a world."""

    @property
    def tasks(self) -> Sequence[str]:
        """The names of its tasks, for lists and for the nearest match."""

    def task(self, name: str) -> Task: ...

    def world(self, task: Task, options: SuiteOptions) -> World: ...


@dataclass(frozen=True)
class Availability:
    """Whether a meter can work on this machine and, if not, why and what would help."""

    ok: bool
    why: str = ""
    remedy: str = ""


class Meter(Protocol):
    """A source of energy figures.

    A meter of granularity ``phase`` or ``episode`` is a counter: :meth:`read` gives joules since some fixed moment, and
    differences are charged. One of granularity ``run`` is started and stopped once and gives its own fields.

    A meter may also have ``exclusive`` (whether what it counted since its start was this process's work alone; without
    it, whether its label is ``measured``), ``grade`` (``"A"`` for an external meter), ``whole()`` (joules of all that it
    can see, used by this process or not, for the idle power), ``poll_seconds`` (read it at least this often), and one
    that tells carbon a ``region`` (three letters, to be set before its start; refuses what it does not know).
    """

    name: str
    granularity: Granularity
    scope: Scope

    @property
    def label(self) -> Label:
        """How far its joules can be trusted; for a counter, those since this was last asked, at an episode's end."""

    @property
    def update_seconds(self) -> float:
        """How often the counter moves; a window shorter than 20 of these is never called measured."""

    def availability(self) -> Availability: ...

    def start(self) -> None: ...

    def read(self) -> float | None:
        """Joules on the counter now; ``None`` if it cannot be read."""

    def stop(self) -> Mapping[str, Any]:
        """End of the run: the meter's own fields, kept verbatim in the record."""

    def describe(self) -> Mapping[str, Any]:
        """Source, units, update period, power model: what is needed to argue with the figures."""


class Play(Protocol):
    """Plays the episode of a number and tells how it went."""

    def __call__(self, episode: int, /) -> Any: ...


class Executor(Protocol):
    """Decides where episodes are played and yields what came of them as they end, in any order."""

    name: str

    def map(self, make: Callable[[], Play], episodes: Iterable[int]) -> Iterator[Any]:
        """Play ``episodes``. ``make`` gives a player; each worker calls it once and keeps what it gave."""


class Board(Protocol):
    """Shows records to people."""

    name: str

    def build(self, folders: Sequence[Path], out: Path, *, title: str) -> Path:
        """Write a board of the complete records in ``folders`` into the folder ``out``; returns what to open.

        The same records give the same bytes. Videos that lie in ``out/videos`` (:func:`nsctl.clips.clip_path`) may be
        shown. Refuses a damaged record with :class:`nsctl.errors.RecordError`.
        """
