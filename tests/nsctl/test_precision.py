"""An agent in another precision: which skills it is lent, and what the record says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from samples import Install
from typer.testing import CliRunner

from nsctl.cli.app import app
from nsctl.errors import Unfit, UnknownName
from nsctl.evaluation import RunOptions, evaluate, resume
from nsctl.precision import quantised_at_load, skills_at
from nsctl.run_config import RunConfig

OWN = ("pick", "place", "stack", "open", "close", "push")
DISTILLED = ("pick", "place", "stack")
"""Those whose NVFP4 weights come with the package."""


def test_every_skill_of_the_agent_s_own_that_can_is_quantised() -> None:
    assert skills_at("nvfp4", "nesy") == tuple(f"{name}:nvfp4" for name in OWN)
    assert skills_at("float32", "nesy") == ()


def test_a_skill_that_is_named_plays_as_it_is() -> None:
    named = ("place-scripted", "pick:nvfp4")
    rest = tuple(f"{name}:nvfp4" for name in OWN[2:])
    assert skills_at("nvfp4", "nesy", named) == (*named, *rest)
    assert skills_at("float32", "nesy", named) == named


def test_a_stranger_s_skill_of_the_same_operator_is_not_taken_for_the_agent_s(install: Install) -> None:
    code = """
class Waver:
    operator = "wave"
    def begin(self, step, scene): ...
    def describe(self): return {}
    def quantise(self, request): ...
class Other(Waver): pass
class Agent:
    skills = {"wave": Waver()}
"""
    install("waves", code, {"skills:wave": "waves:Other\n[nsctl.agents]\nwaver = waves:Agent"})
    with pytest.raises(Unfit, match="'waver' has no skills that can be quantised"):
        skills_at("nvfp4", "waver")


@pytest.mark.parametrize("agent", ["scripted", "random"])
def test_an_agent_without_weights_is_refused(agent: str) -> None:
    with pytest.raises(Unfit, match="no skills that can be quantised: leave --precision out"):
        skills_at("nvfp4", agent)


def test_an_unknown_precision_is_answered_with_what_there_is() -> None:
    with pytest.raises(UnknownName, match="nvfp4"):
        skills_at("nvfp5", "nesy")


def test_the_record_tells_and_a_run_in_it_goes_on(tmp_path: Path) -> None:
    config = RunConfig("hanoi-1", episodes=1, skills=skills_at("nvfp4", "nesy"))
    done = evaluate(config, tmp_path, RunOptions(carbon=False))
    assert done.run.agent["skills"]["pick"]["precision"] == "nvfp4"
    told = done.run.agent["skills"]["pick"]
    assert told["sha256"] != told["teacher_sha256"]
    assert quantised_at_load(done.run.agent) == sorted({*OWN} - {*DISTILLED})
    assert resume(done.folder).run.config.skills == config.skills
    plain = evaluate(RunConfig("hanoi-1", episodes=1), tmp_path, RunOptions(carbon=False))
    assert quantised_at_load(plain.run.agent) == []
    assert plain.run.agent["skills"]["pick"]["sha256"] == told["teacher_sha256"]


def test_an_agent_that_tells_nothing_of_its_skills_is_no_trouble() -> None:
    assert quantised_at_load({}) == quantised_at_load({"skills": None}) == quantised_at_load({"skills": {"a": 1}}) == []


def test_the_command_passes_it_on_and_says_what_was_quantised_at_load(tmp_path: Path) -> None:
    choices = ["run", "hanoi-1", "--episodes", "1", "--no-carbon", "--json", "--runs", str(tmp_path)]
    answer = CliRunner().invoke(app, [*choices, "--precision", "nvfp4", "--skill", "place-scripted"])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert told["skills"] == ["place-scripted", *(f"{name}:nvfp4" for name in OWN if name != "place")]
    at_load = ", ".join(sorted({*OWN} - {*DISTILLED}))
    assert f"quantised at load, having no NVFP4 weights of their own: {at_load}\n" in answer.stderr
    plain = CliRunner().invoke(app, choices)
    assert json.loads(plain.stdout)["skills"] == []
    assert "quantised" not in plain.stderr
    settled = CliRunner().invoke(app, ["run", "--resume", told["record"], "--precision", "nvfp4"])
    assert settled.exit_code == 2
    assert "--precision" in settled.stderr
