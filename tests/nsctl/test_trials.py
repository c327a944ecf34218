"""Trials of single skills."""

from __future__ import annotations

import numpy as np
import pytest

from nsctl import tasks
from nsctl.custom_skills import made
from nsctl.errors import InvalidValue
from nsctl.trials import homes, trials


def test_a_trial_is_one_execution_on_a_step_of_a_plan() -> None:
    for trial in trials(made("place-scripted"), 3, on=["hanoi-2"]):
        assert (trial.task, trial.step.operator) == ("hanoi-2", "place")
        assert len(trial.scenes) == len(trial.actions) == len(trial.statuses) > 10
        assert trial.status == trial.statuses[-1] == "succeeded"
        assert trial.statuses[0] == "running"
        assert trial.achieved
        assert trial.missing == ()


def test_trials_go_by_turns_and_repeat_themselves() -> None:
    def played() -> list[tuple[str, int, str, bytes]]:
        held = trials(made("pick-scripted"), 4, on=["hanoi-1", "move"])
        return [(t.task, t.episode, str(t.step), np.concatenate(t.actions).tobytes()) for t in held]

    first = played()
    assert [task for task, *_ in first] == ["hanoi-1", "move", "hanoi-1", "move"]
    assert [episode for _, episode, *_ in first] == [0, 0, 1, 1]
    assert first == played()


def test_another_seed_gives_other_scenes() -> None:
    starts = [next(iter(trials(made("pick-scripted"), 1, on=["move"], seed=s))).start for s in (1, 2)]
    assert not np.array_equal(*(start["disc1"].pose.position for start in starts))


def test_by_itself_it_goes_to_every_family_that_knows_the_operator() -> None:
    known = homes(made("push-scripted"))
    assert {family for family, names in known.items() if names} == {"drawer"}
    assert all(
        t.task == min(known["drawer"], key=lambda n: tasks.find(n).horizon) for t in trials(made("push-scripted"), 2)
    )


def test_what_nobody_calls_for_is_refused() -> None:
    with pytest.raises(InvalidValue, match="no plan of hanoi-1 calls for the operator 'open'"):
        next(iter(trials(made("open-scripted"), 1, on=["hanoi-1"])))
    with pytest.raises(InvalidValue, match="the number of trials must be >= 1, got 0"):
        next(iter(trials(made("pick-scripted"), 0)))
