"""Plays the episodes that a network learns from, and notes what was seen and what the expert would have done.

A demonstration is the expert's own play with noise in the hand and, now and then, a kick: what is executed is not what is
noted, so the data hold the way back from mistakes (as in DART, arXiv 1703.09327). An episode of DAgger is played by turns:
the learner brings the arm where it brings it, then the expert goes on from there. A chunk of labels is only true as far as
the expert's own actions were executed, and :attr:`Take.led` says where that was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from nsctl import tasks
from nsctl.contracts import SuiteOptions, World
from nsctl.disturbance import Disturbance, parse
from nsctl.errors import InvalidValue
from nsctl.metering import process_joules
from nsctl.observation_arrays import proprio_array
from nsctl.scene import Action, Observation
from policies.vla.episodes import EVERY, IMAGE, Job, Pictures, Piece, Take, Verdict
from policies.vla.expert import Advice, expert_of
from policies.vla.instructions import of_steps, standing
from policies.vla.leading import Lead, network_in
from policies.vla.pilot import EXECUTED, Pilot, executed, pictures
from policies.vla.symbols import Flags, Floats, atom_flags, slotted, stage

AFTERGLOW = 3 * EXECUTED
"""Control steps for which an episode goes on at its goal, so that standing still is in the data."""
POSE_NOISE = (0.001, 0.002, 0.003)
"""What the tracker errs by, by turns [m]."""
CAMERA_SHIFT = "camera:0.25"
"""The fixed cameras are off by 5 mm in a direction of each episode's own."""


def record(job: Job) -> Take:
    """Play one episode for the data."""
    before, tape = process_joules(), _Tape(job)
    with staged(job) as world:
        observation = world.reset(job.world_seed, job.episode)
        expert, lead = expert_of(job, world.task.brief()), Lead(job, world.task.instruction)
        while not world.over and not lead.over:
            advice = expert.advise(observation, world.truth())
            if advice is None or tape.finished(advice):
                break
            action, led = lead.act(observation, advice)
            tape.note(observation, world, advice, action, led)
            observation = world.step(action)
        if not world.over:
            world.conclude()
        return tape.take(world, process_joules() - before)


def check(job: Job) -> Verdict:
    """Let the learner play one episode alone, as the agent will: it is never done, the world ends the episode."""
    before, steps = process_joules(), 0
    with staged(job) as world:
        observation = world.reset(job.world_seed, job.episode)
        pilot = Pilot(network_in(job.weights), world.task.instruction, job.rng)
        while not world.over:
            observation = world.step(pilot.act(observation))
            steps += 1
        success = world.success_at_end
        reason = "" if success else world.violation or "not done in time"
    return Verdict(job.task, success, reason, steps, process_joules() - before)


class _Tape:
    """What is noted of an episode."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._rows: list[tuple[Floats, Floats, Floats, Flags, int, Action, Action, bool]] = []
        self._images: list[Pictures] = []
        self._advice: list[Advice] = []
        self._still = 0

    def finished(self, advice: Advice) -> bool:
        """Whether the goal has been reached and standing still has been shown for long enough."""
        self._still = 0 if advice.plan else self._still + 1
        return self._still > AFTERGLOW

    def note(self, observation: Observation, world: World, advice: Advice, action: Action, led: bool) -> None:
        """One control step."""
        if self._job.cameras and len(self._rows) % EVERY == 0:
            self._images.append(pictures(observation, self._job.cameras, IMAGE))
        truth, seen = slotted(world.truth()), slotted(observation.objects or {})
        atoms, ahead = atom_flags(advice.state), stage(advice.plan)
        self._rows.append((proprio_array(observation), seen, truth, atoms, ahead, advice.action, action, led))
        self._advice.append(advice)

    def take(self, world: World, joules: float) -> Take:
        """All of it."""
        if not self._rows:
            raise InvalidValue(f"{self._job.task}: the episode {self._job.episode} ended before it began")
        proprio, seen, truth, atoms, ahead, labels, executed, led = map(np.array, zip(*self._rows, strict=True))
        instruction, success = world.task.instruction, world.success_at_end
        if self._job.walk:
            instruction, success = "", self._still > AFTERGLOW and not world.violation
        return Take(
            instruction,
            proprio,
            seen,
            truth,
            atoms,
            ahead,
            labels,
            executed,
            led,
            tuple(pieces(self._advice)),
            np.stack(self._images) if self._images else None,
            success,
            joules,
        )


def pieces(advice: list[Advice]) -> Iterator[Piece]:
    """The parts of an episode that have an instruction of their own: each step of the plan, and each whole move."""
    starts = [t for t, said in enumerate(advice) if said.step is not None and said.begins]
    ends = [next((t for t in range(s + 1, len(advice)) if advice[t].begins), len(advice)) for s in starts]
    done = [_kept_its_promise(advice, start, end) for start, end in zip(starts, ends, strict=True)]
    spans = list(zip(starts, ends, done, strict=True))
    for i, (start, end, well) in enumerate(spans):
        step, stands = advice[start].plan[0], standing(advice[start].state)
        yield Piece(start, end, of_steps([step], stands), well)
        if well and step.operator == "pick" and i + 1 < len(spans) and spans[i + 1][0] == end:
            after = advice[end].plan[0]
            if after.operator == "place" and after.arguments[0] == step.arguments[0]:
                yield Piece(start, spans[i + 1][1], of_steps([step, after], stands), spans[i + 1][2])


def _kept_its_promise(advice: list[Advice], start: int, end: int) -> bool:
    """Whether what the step that began at ``start`` promises holds where it ended."""
    step = advice[start].plan[0]
    return end < len(advice) and step.adds <= advice[end].state.atoms


@contextmanager
def staged(job: Job) -> Iterator[World]:
    """The world of a job, closed at the end: each holds a renderer for every camera."""
    noise = POSE_NOISE[0]
    disturb: tuple[Disturbance, ...] = ()
    if job.kind != "check":
        noise = POSE_NOISE[job.episode % len(POSE_NOISE)]
        disturb = (parse(CAMERA_SHIFT),) if job.cameras else ()
    every = executed(network_in(job.weights).config) if job.kind == "check" else EVERY
    options = SuiteOptions(disturb=disturb, pose_noise=noise, cameras=job.cameras, pictures_every=every)
    task = tasks.find(job.task)
    task.horizon *= max(1, job.walk)
    world = tasks.suite_of(job.task).world(task, options)
    try:
        yield world
    finally:
        world.close()
