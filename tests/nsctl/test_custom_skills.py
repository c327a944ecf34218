"""Skills that a user names: lent to an agent, added to a domain, named in the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from samples import Install

from nsctl import registry, tasks
from nsctl.custom_skills import domain_with, lend, made, origins, with_action
from nsctl.errors import BrokenPart, InvalidValue, RecordError, Unfit, UnknownName
from nsctl.evaluation import RunOptions, evaluate, resume
from nsctl.run_config import RunConfig

MOVE = """(:action move :parameters (?disc - disc ?from ?onto - support)
  :precondition (and (handempty) (clear ?disc) (on ?disc ?from) (clear ?onto) (smaller ?disc ?onto))
  :effect (and (on ?disc ?onto) (clear ?from) (not (on ?disc ?from)) (not (clear ?onto))))"""
QUIET = RunOptions(carbon=False)
MINE = """
from nsctl.custom_skills import made


class Mine:
    operator, pddl = "pick", ""
    version = {version}

    def begin(self, step, scene):
        return made("pick-scripted").begin(step, scene)

    def describe(self):
        return {{"kind": "mine", "operator": "pick"}}
"""


class Mover:
    operator, pddl = "move", MOVE

    def begin(self, step: Any, scene: Any) -> Any:
        raise NotImplementedError

    def describe(self) -> dict[str, str]:
        return {"kind": "test", "operator": "move"}


def domain(task: str, skill: Any) -> Any:
    return domain_with([skill], tasks.find(task).brief(), registry.load("planners", "clingo")())


def test_an_operator_that_the_domain_lacks_is_added() -> None:
    names = [operator.name for operator in domain("hanoi-2", Mover()).operators]
    assert names == ["pick", "place", "move"]


def test_one_that_it_has_stays_as_it_is() -> None:
    skill = Mover()
    skill.operator, skill.pddl = "pick", "(:action pick :parameters () :precondition (and) :effect (and))"
    assert domain("hanoi-2", skill).operator("pick").parameters


def test_an_action_that_does_not_fit_is_refused_with_task_and_cause() -> None:
    with pytest.raises(
        Unfit, match=r"^the skill for 'move' brings an action that does not fit the domain of stack-3: .*disc"
    ):
        domain("stack-3", Mover())


def test_an_action_of_another_name_is_refused() -> None:
    skill = Mover()
    skill.operator = "carry"
    with pytest.raises(
        Unfit, match=r"it must be one \(:action carry \.\.\.\), and with it there are only pick, place, move"
    ):
        domain("hanoi-2", skill)


def test_a_comment_at_the_end_of_a_domain_is_no_end() -> None:
    text = with_action("(define (domain d) ; one :)\n  (:predicates (p)))\n; that is all ;-)", "(:action a)")
    assert text == "(define (domain d) \n  (:predicates (p))\n(:action a)\n)"


def test_an_agent_plays_with_the_skill_that_it_is_lent() -> None:
    agent = registry.load("agents", "nesy")()
    lend(agent, ["pick-scripted"])
    assert agent.describe()["skills"]["pick"] == made("pick-scripted").describe()
    assert agent.describe()["skills"]["place"]["kind"] == "mamba3"


def test_two_skills_for_one_operator_are_refused() -> None:
    with pytest.raises(InvalidValue, match="pick and pick-scripted are both skills for the operator 'pick'"):
        lend(registry.load("agents", "nesy")(), ["pick", "pick-scripted"])


def test_an_agent_that_takes_no_skills_says_so() -> None:
    with pytest.raises(Unfit, match="the agent 'random' takes no skills, so leave pick out"):
        lend(registry.load("agents", "random")(), ["pick"])
    lend(registry.load("agents", "random")(), [])


def test_a_skill_that_cannot_be_made_or_lacks_something_is_named(install: Install) -> None:
    install(
        "odd", "class Half:\n    operator = 'pick'\ndef bad():\n    raise OSError('no')", {"skills:half": "odd:Half"}
    )
    with pytest.raises(BrokenPart, match=r"the skill 'half' lacks begin, describe: see nsctl\.contracts\.Skill"):
        made("half")
    install("worse", "def bad():\n    raise OSError('no arm')", {"skills:bad": "worse:bad"})
    with pytest.raises(BrokenPart, match=r"the skill 'bad' of worse 1\.5 could not be made: OSError: no arm"):
        made("bad")


def test_an_unknown_skill_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'pick-scripted'"):
        evaluate(RunConfig("hanoi-1", skills=("pick-skripted",)), tmp_path, QUIET)
    assert list(tmp_path.iterdir()) == []


def test_the_record_names_the_skill_and_resume_refuses_another(install: Install, tmp_path: Path) -> None:
    install("mine", MINE.format(version=1), {"skills:mine": "mine:Mine"})
    done = evaluate(RunConfig("hanoi-1", "scripted", episodes=1, skills=("mine",)), tmp_path, QUIET)
    assert done.summary.success_at_end == 1
    assert done.run.config.skills == ("mine",)
    assert done.run.agent["skills"]["pick"]["kind"] == "mine"
    lent = done.run.agent["lent_skills"]["mine"]
    assert lent == origins(["mine"])["mine"]
    assert lent["part"] == "mine 1.5: mine:Mine"
    run = done.folder / "run.json"
    run.write_text(run.read_text().replace('"status": "complete"', '"status": "interrupted"'))
    assert resume(done.folder, QUIET).run.replay_sha256 == done.run.replay_sha256
    run.write_text(run.read_text().replace('"status": "complete"', '"status": "interrupted"'))
    (tmp_path / "site" / "mine.py").write_text(MINE.format(version=2))
    with pytest.raises(RecordError, match=r"agent lent_skills\.mine\.source_sha256 was"):
        resume(done.folder, QUIET)
