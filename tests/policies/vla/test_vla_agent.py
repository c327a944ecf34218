"""The agents: chunks in order, what they are shown, and every error in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nsctl import registry, tasks
from nsctl.contracts import Sight, SuiteOptions
from nsctl.episode import Episode, play
from nsctl.errors import InvalidValue, Unfit, Untrained
from nsctl.ledger import entries
from nsctl.phases import EpisodeClock, NoClock
from nsctl.player import shown_to
from nsctl.scene import Observation
from nsctl.task import Brief
from policies.vla.agents import vla, vla_mamba3, vla_planned, vla_state
from policies.vla.network import VLANetwork
from policies.vla.pilot import EXECUTED, Pilot, pictures
from policies.vla.variants import network_of
from policies.vla.weights import write_network


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Untrained weights of every variant."""
    found = {}
    for name in ("vla", "vla-state", "vla-mamba3"):
        torch.manual_seed(0)
        found[name] = tmp_path_factory.mktemp(name)
        write_network(VLANetwork(network_of(name, tiny=True)), found[name])
    return found


def played(agent: object, task: str = "hanoi-1", **options: object) -> Episode:
    shown = shown_to(agent, SuiteOptions())  # type: ignore[arg-type]
    world = tasks.suite_of(task).world(tasks.find(task), replace(shown, **options))  # type: ignore[arg-type]
    try:
        return play(world, agent, EpisodeClock(()), 0, 0)  # type: ignore[arg-type]
    finally:
        world.close()


def look(cameras: tuple[str, ...] = ()) -> Observation:
    world = tasks.suite_of("hanoi-1").world(tasks.find("hanoi-1"), SuiteOptions(cameras=cameras))
    try:
        return world.reset(0, 0)
    finally:
        world.close()


class Counting:
    """A network whose n-th chunk is n + 0.01 k at its k-th action."""

    config = network_of("vla-state", tiny=True)

    def __init__(self) -> None:
        self.norm = torch.nn.LayerNorm(2)
        self.threads: set[int] = set()

    def parameters(self) -> object:
        return self.norm.parameters()

    def begin(self, text: torch.Tensor) -> int:
        return 0

    def step(self, seen: object, cache: int) -> tuple[object, int]:
        self.threads.add(torch.get_num_threads())
        actions = 0.1 * cache + 0.001 * torch.arange(16.0)[None, :, None].expand(1, 16, 7)
        return type("Outputs", (), {"actions": actions}), cache + 1


def test_a_chunk_is_executed_in_order_and_half_of_it() -> None:
    pilot, shown = Pilot(Counting(), "Pick disc1.", np.random.default_rng(0)), look()  # type: ignore[arg-type]
    done = [float(pilot.act(shown)[0]) for _ in range(3 * EXECUTED)]
    assert done == pytest.approx([0.1 * n + 0.001 * k for n in range(3) for k in range(EXECUTED)])


def test_a_decision_is_made_on_one_thread_and_leaves_the_others_alone() -> None:
    network = Counting()
    torch.set_num_threads(2)
    Pilot(network, "Pick disc1.", np.random.default_rng(0)).act(look())  # type: ignore[arg-type]
    assert network.threads == {1}
    assert torch.get_num_threads() == 2


def test_pictures_that_come_too_seldom_are_not_blamed_on_the_world() -> None:
    shown = look()
    blind = replace(shown, images=None, channels={**shown.channels, "images": "pixels"})
    with pytest.raises(InvalidValue, match="there are none at this step: it looks more often than it said"):
        pictures(blind, ("front",), 128)


@pytest.mark.parametrize(("trunk", "counted"), [("attention", [0, 1, 2, 3, 4, 5]), ("mamba3", [0, 1, 2, 3, 0, 1])])
def test_mamba3_begins_anew_after_its_window(trunk: str, counted: list[int]) -> None:
    network, shown = Counting(), look()
    network.config = replace(Counting.config, trunk=trunk, window=4)  # type: ignore[arg-type]
    pilot = Pilot(network, "Pick disc1.", np.random.default_rng(0))  # type: ignore[arg-type]
    done = [float(pilot.act(shown)[0]) for _ in range(6 * EXECUTED)]
    assert done[::EXECUTED] == pytest.approx([0.1 * n for n in counted])


def test_two_episodes_share_nothing(folders: dict[str, Path]) -> None:
    agent, shown = vla_state(str(folders["vla-state"])), look()
    one, two = (Pilot(agent.network, "Pick disc1.", np.random.default_rng(0)) for _ in range(2))
    first = [one.act(shown) for _ in range(20)]
    assert all(np.array_equal(a, two.act(shown)) for a in first)


@pytest.mark.parametrize("name", ["vla", "vla-state", "vla-mamba3", "vla-planned"])
def test_every_agent_plays_and_repeats_itself(folders: dict[str, Path], name: str) -> None:
    folder = folders["vla" if name == "vla-planned" else name]
    agent = registry.load("agents", f"{name}:{folder}")()
    assert agent.name == name
    one, two = played(agent), played(agent)
    assert one.outcome.status in ("timed_out", "failed")
    assert (one.outcome, one.steps, one.report) == (two.outcome, two.steps, two.report)
    assert one.costs["perceive"].wall > 0
    assert one.costs["policy"].wall > 0
    assert (one.costs["plan"].wall > 0) == (name == "vla-planned")


def test_each_is_shown_what_it_asks_for_and_says_so(folders: dict[str, Path]) -> None:
    cameras, every = ("front", "side", "wrist"), EXECUTED
    asked = {
        "vla": (vla(str(folders["vla"])), Sight(cameras, objects=False, every=every)),
        "vla-state": (vla_state(str(folders["vla-state"])), Sight()),
        "vla-planned": (vla_planned(str(folders["vla"])), Sight(cameras, every=every)),
    }
    for name, (agent, sight) in asked.items():
        assert agent.sight == sight, name
        reads = agent.describe()["reads"]
        assert ("images" in reads, "objects" in reads) == (bool(sight.cameras), sight.objects)


def test_the_ledger_tells_what_each_was_given(folders: dict[str, Path]) -> None:
    asked = {name: entries(registry.load("agents", f"{name}:{folders[name]}")().describe()) for name in folders}
    asked["vla-planned"] = entries(vla_planned(str(folders["vla"])).describe())
    assert asked["vla"]["poses"] == asked["vla"]["predicates"] == "as labels in training"
    assert asked["vla"]["cameras"] == asked["vla-planned"]["cameras"] == "front, side, wrist"
    assert (asked["vla-state"]["poses"], asked["vla-state"]["cameras"]) == ("channel objects", "none")
    assert asked["vla-planned"]["domain"] == "PDDL, given with the task"
    assert asked["vla-planned"]["control"] == asked["vla"]["control"] == "learnt: all"
    assert asked["vla"]["domain"] == "none"


def test_it_describes_its_weights(folders: dict[str, Path]) -> None:
    agent = vla(str(folders["vla"]))
    told = agent.describe()
    assert told["parameters"] == sum(p.numel() for p in agent.network.parameters())
    assert told["sha256"] == json.loads((folders["vla"] / "config.json").read_text())["sha256"]
    assert told["training"] is None  # nobody says what these have cost
    (folders["vla"] / "training.json").write_text('{"joules": 5.0, "label": "modelled", "seconds": 1.0}')
    assert agent.describe()["training"] == {"joules": 5.0, "label": "modelled"}


@pytest.mark.parametrize(("make", "command"), [(vla, "nsctl train vla`"), (vla_mamba3, "--variant vla-mamba3`")])
def test_without_weights_it_says_how_to_train_them(tmp_path: Path, make: object, command: str) -> None:
    agent = make(str(tmp_path))  # type: ignore[operator]
    with pytest.raises(Untrained, match="no weights for the agent") as refusal:
        agent.describe()
    assert command in str(refusal.value)


def errors(agent: object, task: str = "hanoi-1", **options: object) -> str:
    outcome = played(agent, task, **options).outcome
    assert outcome.status == "errored"
    return outcome.reason


def test_weights_of_another_architecture_end_every_episode_in_an_error(folders: dict[str, Path]) -> None:
    agent = vla_mamba3(str(folders["vla"]))
    why = errors(agent)
    assert "whose trunk is 'attention', and 'mamba3' was asked for" in why
    assert agent.describe()["refused"] in why
    assert "inputs is 'state', and 'pixels' was asked for" in errors(vla(str(folders["vla-state"])))


def test_a_missing_camera_is_an_error(folders: dict[str, Path]) -> None:
    agent = vla(str(folders["vla"]))
    assert "needs the camera 'side', which this world does not show; it shows: front" in errors(
        agent, cameras=("front",)
    )
    assert "it shows: none" in errors(agent, cameras=())


def test_pictures_of_another_size_are_an_error(folders: dict[str, Path]) -> None:
    agent, shown = vla(str(folders["vla"])), look(("front", "side", "wrist"))
    agent.reset(_brief("hanoi-1"), 0, NoClock())
    assert shown.images is not None
    small = {name: image[::2, ::2] for name, image in shown.images.items()}
    with pytest.raises(InvalidValue, match="'front' are 64 x 64 x 3, the network needs 128 x 128 x 3"):
        agent.act(replace(shown, images=small))


def test_poses_that_are_not_shown_are_an_error(folders: dict[str, Path]) -> None:
    assert "needs the poses of the objects" in errors(vla_state(str(folders["vla-state"])), objects=False)


def test_an_instruction_that_was_not_taught_is_an_error(folders: dict[str, Path]) -> None:
    assert "is none that was taught" in errors(vla(str(folders["vla"])), "stack-3")


def test_the_planned_agent_refuses_what_it_has_no_words_for(folders: dict[str, Path]) -> None:
    agent = vla_planned(str(folders["vla"]))
    with pytest.raises(Unfit, match="has words for pick, place, and none for"):
        agent.reset(_brief("stack-3"), 0, NoClock())


def test_the_planned_agent_is_told_one_move_after_the_other(folders: dict[str, Path]) -> None:
    """A pilot that plays the expert, in the world itself, is told the moves of the plan, and ends at the goal."""
    from policies.vla.expert import Expert

    agent = vla_planned(str(folders["vla"]))
    shown = shown_to(agent, SuiteOptions())
    world = tasks.suite_of("hanoi-2").world(tasks.find("hanoi-2"), replace(shown, cameras=()))
    told: list[str] = []

    class Perfect:
        steps = 0

        @property
        def due(self) -> bool:
            return self.steps % EXECUTED == 0

        def act(self, observation: Observation, clock: object) -> np.ndarray:
            self.steps += 1
            advice = expert.advise(observation, world.truth())
            assert advice is not None
            return advice.action

    def pilot(instruction: str, seed: int) -> Perfect:
        told.append(instruction)
        return Perfect()

    agent._told = pilot  # type: ignore[assignment]
    try:
        observation = world.reset(0, 0)
        expert = Expert(world.task.brief())
        agent.reset(world.task.brief(), 0, NoClock())
        while (action := agent.act(observation)) is not None:
            observation = world.step(action)
        world.conclude()
        assert world.success_at_end
    finally:
        world.close()
    assert told == [
        "Move disc1 from left to middle.",
        "Move disc2 from left to right.",
        "Move disc1 from middle to right.",
    ]
    report = agent.report()
    assert (report.plan_length, report.plans, report.replans, report.retries) == (6, 1, 0, 0)
    assert [step["status"] for step in report.steps] == ["succeeded"] * 3


def _brief(task: str) -> Brief:
    found = tasks.find(task)
    found.sample(np.random.default_rng(0))
    found.phrase(np.random.default_rng(0))
    return found.brief()
