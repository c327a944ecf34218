"""The worlds are good Gymnasium citizens."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.passive_env_checker import env_render_passive_checker

import envs.gym
from envs.gym import TableEnv
from envs.spaces import arrays, joint_limits
from nsctl import registry, tasks
from nsctl.contracts import SuiteOptions
from nsctl.episode import play
from nsctl.errors import BrokenPart, EpisodeError, InvalidValue, NsctlError, UnknownName
from nsctl.metering import counters
from nsctl.phases import EpisodeClock
from nsctl.scene import Observation, Pose

IDS = [name for name in gymnasium.registry if name.startswith("nsctl/")]


@pytest.fixture(scope="module")
def env() -> Iterator[TableEnv]:
    made = TableEnv("hanoi-2", pose_noise=0.0)
    yield made
    made.close()


def test_every_task_is_registered() -> None:
    found = [task for part in registry.parts("envs").values() for task in part.load()().tasks]
    assert len(IDS) == len(found) >= 7


def test_another_engine_is_as_good_a_citizen() -> None:
    pytest.importorskip("pybullet")
    env = gymnasium.make("envs.gym:nsctl/Hanoi2-v2", engine="pybullet")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("name", IDS)
def test_the_checker_finds_nothing(name: str) -> None:
    env = gymnasium.make(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("name", IDS)
def test_random_play_stays_within_the_bounds(name: str) -> None:
    env = gymnasium.make(name, disable_env_checker=True)
    env.action_space.seed(0)
    observation, _ = env.reset(seed=0)
    for step in range(40):
        drawn = env.action_space.sample()
        action = np.clip(drawn + [0, 0, -0.5, 0, 0, 0, 0], -1, 1).astype(np.float32) if step else drawn
        assert observation in env.observation_space
        observation, *_ = env.step(action)
    env.close()


@pytest.mark.parametrize("task", ["hanoi-2", "drawer-1"])
def test_no_reading_of_a_scripted_episode_is_cut_off(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = tasks.suite_of(task).world(tasks.find(task), SuiteOptions())
    seen: list[Observation] = []
    step = world.step
    monkeypatch.setattr(world, "step", lambda action: seen.append(step(action)) or seen[-1])
    play(world, registry.load("agents", "scripted")(), EpisodeClock(counters(shared=False)), 0, 0)
    world.close()
    assert len(seen) > 50
    for observation in seen:
        p, found = observation.proprio, arrays(observation)
        raw = [*p.joints, *p.tcp.position, *p.tcp.quaternion, *p.target.position, *p.target.quaternion]
        assert np.array_equal(found["proprio"], np.array([*raw, p.gripper, p.gripper_command], dtype=np.float32))
        places = [pose.position for pose in (observation.objects or {}).values()]
        assert np.array_equal(found["objects"][:, :3], np.array(places, dtype=np.float32))


def test_bounds_are_the_arm_s_and_the_table_s(env: TableEnv) -> None:
    low, high = env.observation_space["proprio"].low, env.observation_space["proprio"].high
    limits = joint_limits()
    assert limits.shape == (2, 7)
    np.testing.assert_allclose([low[:7], high[:7]], limits + [[-0.1], [0.1]], atol=1e-6)
    assert (np.abs(high) < 4).all()  # no bound is a placeholder
    observation, _ = env.reset(seed=0)
    assert (low < observation["proprio"]).sum() >= 20  # and none is so narrow that a robot at rest touches it


def test_a_body_that_flew_away_is_shown_at_the_edge(env: TableEnv) -> None:
    env.reset(seed=0)
    env._world._engine.place("disc1", Pose([9.0, 0.1, 0.02]))  # type: ignore[attr-defined]
    observation, *_ = env.step(np.zeros(7, dtype=np.float32))
    assert observation["objects"][0, 0] == env.observation_space["objects"].high[0, 0]
    assert observation in env.observation_space


def test_pictures_are_observed_where_cameras_are_asked_for() -> None:
    seeing = TableEnv("hanoi-1", cameras=("front", "wrist"))
    observation, _ = seeing.reset(seed=0)
    assert observation in seeing.observation_space
    assert {name: picture.shape for name, picture in observation["images"].items()} == {
        "front": (128, 128, 3),
        "wrist": (128, 128, 3),
    }
    assert all(picture.std() > 10 for picture in observation["images"].values())
    seeing.close()


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_vector_of_two_plays(mode: str) -> None:
    vector = gymnasium.make_vec("envs.gym:nsctl/Hanoi1-v2", num_envs=2, vectorization_mode=mode)
    observations, _ = vector.reset(seed=[1, 2])
    assert observations["objects"].shape == (2, 4, 7)
    assert not np.array_equal(observations["objects"][0], observations["objects"][1])
    _, reward, terminated, _, infos = vector.step(np.zeros((2, 7), dtype=np.float32))
    assert reward.tolist() == [0.0, 0.0]
    assert not terminated.any()
    assert infos["is_success"].tolist() == [False, False]
    vector.close()


def test_pictures_are_drawn_when_asked_for() -> None:
    env = gymnasium.make("nsctl/Hanoi1-v2", render_mode="rgb_array")
    env.reset(seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = env_render_passive_checker(env.unwrapped)
    assert picture.shape == (360, 480, 3)
    assert picture.std() > 20
    env.close()


def test_without_a_display_the_mode_human_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    env = TableEnv("hanoi-1", render_mode="human")
    with pytest.raises(NsctlError, match=r"there is no display to open a window on .pictures and videos need none"):
        env.reset(seed=0)
    env.close()


def test_a_window_follows_each_step(env: TableEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[float] = []
    monkeypatch.setattr(env, "render_mode", "human")
    monkeypatch.setattr(env._world, "show", lambda: shown.append(env._shown) or True)
    env.reset(seed=0)
    env.step(np.zeros(7, dtype=np.float32))
    assert len(shown) == 2
    assert env._shown - shown[-1] > 0.045  # no faster than the world's own time
    assert env.render() is None


def record(tmp_path: Path) -> None:
    env = gymnasium.wrappers.RecordVideo(
        gymnasium.make("nsctl/Hanoi1-v2", render_mode="rgb_array"), f"{tmp_path}/films"
    )
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.zeros(7, dtype=np.float32))
    env.close()


def test_a_video_is_recorded(tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    record(tmp_path)
    assert [path.suffix for path in (tmp_path / "films").iterdir()] == [".mp4"]


def test_a_recorder_is_given_a_picture_of_each_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips: list[tuple[int, tuple[int, ...], float]] = []

    class Clip:
        def __init__(self, frames: list[Any], fps: float) -> None:
            clips.append((len(frames), frames[0].shape, fps))

        def write_videofile(self, path: str, **_: Any) -> None:
            Path(path).touch()

    name = "moviepy.video.io.ImageSequenceClip"  # stands in for the encoder, which is an extra package
    for module in ("moviepy", "moviepy.video", "moviepy.video.io"):
        monkeypatch.setitem(sys.modules, module, SimpleNamespace())
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(ImageSequenceClip=Clip))
    record(tmp_path)
    assert clips == [(4, (360, 480, 3), 20)]


def test_environments_without_a_seed_differ_and_one_with_a_seed_repeats() -> None:
    vector = gymnasium.make_vec("nsctl/Hanoi1-v2", num_envs=2, vectorization_mode="sync")
    observations, _ = vector.reset()
    assert not np.array_equal(observations["objects"][0], observations["objects"][1])
    first, _ = vector.reset(seed=3)
    vector.reset()
    again, _ = vector.reset(seed=3)
    assert np.array_equal(first["objects"], again["objects"])
    vector.close()


def test_an_episode_can_be_asked_for_by_its_number(env: TableEnv) -> None:
    env.reset(seed=4)
    second, info = env.reset()
    again, asked = env.reset(seed=4, options={"episode": 1})
    assert (info["seed"], info["episode"]) == (asked["seed"], asked["episode"]) == (4, 1)
    assert np.array_equal(second["objects"], again["objects"])


def test_bodies_start_where_they_are_put_and_the_others_where_the_task_draws_them(env: TableEnv) -> None:
    drawn, _ = env.reset(seed=4)
    given, _ = env.reset(seed=4, options={"initial_state": {"disc1": [0.40, 0.05, 0.02, 1, 0, 0, 0]}})
    np.testing.assert_allclose(given["objects"][0, :3], [0.40, 0.05, 0.02], atol=1e-3)
    np.testing.assert_allclose(given["objects"][1:], drawn["objects"][1:], atol=1e-3)


def test_what_hangs_on_a_body_goes_with_it() -> None:
    env = TableEnv("drawer-1", pose_noise=0.0)
    bodies = {body.name: (row, body) for row, body in enumerate(env._world.task.bodies)}
    row, drawer = next((row, body) for row, body in bodies.values() if body.mount and body.mount.travel)
    assert drawer.mount
    parent = bodies[drawer.mount.on][0]
    drawn, _ = env.reset(seed=0)
    moved = drawn["objects"][parent] + np.array([0.01, 0.02, 0, 0, 0, 0, 0], dtype=np.float32)
    given, _ = env.reset(seed=0, options={"initial_state": {drawer.mount.on: moved}})
    shift = given["objects"][:, :3] - drawn["objects"][:, :3]
    np.testing.assert_allclose(shift[row], [0.01, 0.02, 0], atol=1e-3)
    off = given["objects"][row] + np.array([0, 0.05, 0, 0, 0, 0, 0], dtype=np.float32)
    with pytest.raises(InvalidValue, match=f"'{drawer.name}' hangs on '{drawer.mount.on}' and slides along its x axis"):
        env.reset(seed=0, options={"initial_state": {drawer.name: off}})
    env.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"episde": 1}, "no option of reset is called 'episde'. Did you mean 'episode'"),
        ({"episode": -1}, r"options\['episode'\] must be an integer >= 0, got -1"),
        (
            {"initial_state": {"disc1": [9.0, 0, 0.02, 1, 0, 0, 0]}},
            r"'disc1' cannot start at \[9.0, 0.0, 0.02\]: the table",
        ),
        ({"initial_state": [1]}, r"options\['initial_state'\] must map names of bodies to 7 numbers"),
        ({"initial_state": np.zeros((2, 7))}, r"options\['initial_state'\] must map names of bodies to 7 numbers"),
        ({"initial_state": {0: [0] * 7}}, "no body is called '0'"),
        ({"initial_state": {"disc9": [0] * 7}}, "no body is called 'disc9'. Did you mean 'disc"),
        ({"initial_state": {"disc1": [0] * 6}}, "the initial state of 'disc1' must be 7 numbers"),
        ({"initial_state": {"disc1": [0] * 7}}, "quaternion must have length 1, got 0.000"),
    ],
)
def test_a_wrong_option_of_reset_is_refused(env: TableEnv, options: dict[str, Any], message: str) -> None:
    with pytest.raises((UnknownName, InvalidValue), match=message):
        env.reset(options=options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"render_mode": "depth"}, "render_mode must be 'rgb_array', 'human' or None, got 'depth'"),
        ({"cameras": ["fornt"]}, "no camera is called 'fornt'. Did you mean 'front'"),
        ({"cameras": "front"}, r"cameras must be a sequence of names such as \['front'\]"),
        ({"engine": "mojoco"}, "no engine is called 'mojoco'. Did you mean 'mujoco'"),
        ({"disturb": ["pusch"]}, "no kind of disturbance is called 'pusch'. Did you mean 'push'"),
    ],
)
def test_a_wrong_argument_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((UnknownName, InvalidValue), match=message):
        TableEnv("hanoi-1", **arguments)


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"no task is called 'hanoy-3'\. Did you mean 'hanoi-3'"):
        TableEnv("hanoy-3")


def test_closing_twice_is_harmless_and_nothing_else_works_afterwards() -> None:
    env = TableEnv("hanoi-1")
    env.reset(seed=0)
    env.close()
    env.close()
    for use in (env.reset, lambda: env.step(np.zeros(7, dtype=np.float32)), env.render):
        with pytest.raises(EpisodeError, match="this environment is closed: make a new one"):
            use()


def test_a_broken_rule_ends_the_episode(env: TableEnv) -> None:
    state = {"disc1": [0.4, 0.1, 0.02, 1, 0, 0, 0], "disc2": [0.4, 0.1, 0.0625, 1, 0, 0, 0]}
    env.reset(seed=0, options={"initial_state": state})
    still = np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32)
    for _ in range(15):
        _, reward, terminated, truncated, info = env.step(still)
        if terminated or truncated:
            break
    assert (reward, terminated, truncated) == (0.0, True, False)
    assert info["violation"] == "disc2 lies on the smaller disc1"


def registered(monkeypatch: pytest.MonkeyPatch, **suites: Any) -> list[str]:
    """The ids that these suites get; one is a factory, or an exception to be raised when it is loaded."""

    def load(suite: Any) -> Any:
        if isinstance(suite, BaseException):
            raise suite
        return suite

    parts = {
        name: SimpleNamespace(name=name, distribution="acme", load=lambda suite=suite: load(suite))
        for name, suite in suites.items()
    }
    ids: list[str] = []
    monkeypatch.setattr(registry, "parts", lambda group: parts)
    monkeypatch.setattr(gymnasium, "register", lambda id, *_, **__: ids.append(id))
    envs.gym.register()
    return ids


class Stack:
    tasks = ("stack-2",)

    def task(self, name: str) -> Any:
        return SimpleNamespace(version=3)


class Torn(Stack):
    def task(self, name: str) -> Any:
        raise OSError("no scene")


def test_a_stranger_s_task_has_no_native_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[str | None] = []
    parts = registry.parts("envs")
    stranger = SimpleNamespace(name="odd", distribution="acme", load=lambda: Stack)
    monkeypatch.setattr(registry, "parts", lambda group: {"move": parts["move"], "odd": stranger})
    monkeypatch.setattr(gymnasium, "register", lambda *_, **given: batches.append(given["vector_entry_point"]))
    envs.gym.register()
    assert batches == [envs.gym.BATCH, None]


def test_the_number_in_an_id_is_the_task_s_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert registered(monkeypatch, stack=Stack) == ["nsctl/Stack2-v3"]


@pytest.mark.parametrize("broken", [BrokenPart("cannot be loaded"), SystemExit(3), Torn])
def test_a_broken_suite_is_left_out_with_a_warning(monkeypatch: pytest.MonkeyPatch, broken: Any) -> None:
    with pytest.warns(RuntimeWarning, match="the suite 'odd' of acme is left out: (BrokenPart|SystemExit|OSError): "):
        assert registered(monkeypatch, odd=broken, stack=Stack) == ["nsctl/Stack2-v3"]
