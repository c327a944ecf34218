"""Several agents on the same episodes: nothing is played twice, and what has changed is played anew."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nsctl import provenance
from nsctl.contest import Deadline, Entry, OutOfTime, enter, play, record_of
from nsctl.contestants import contestants
from nsctl.errors import InvalidValue
from nsctl.record_folder import RUN
from nsctl.run_config import RunConfig

TERMS = RunConfig("hanoi-1", "", episodes=3, seed=4)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that are edited while tests run would be another code."""
    monkeypatch.setattr(provenance, "code", lambda: "c0de")


def entered(names: str = "scripted,random", terms: RunConfig = TERMS) -> tuple[Entry, ...]:
    found = enter(contestants(names), terms, ("nsctl", "compare"))
    assert found.unable == {}
    return found.able


def runs(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob(f"*/{RUN}"))


def test_all_start_alike_and_nothing_is_played_twice(tmp_path: Path) -> None:
    first = play(entered(), tmp_path)
    starts = [[episode.initial_hash for episode in stored.episodes] for stored in first]
    assert starts[0] == starts[1]
    assert len(set(starts[0])) == TERMS.episodes
    assert [stored.run.config.agent for stored in first] == ["scripted", "random"]
    assert first[0].run.command == ("nsctl", "compare")
    again = play(entered(), tmp_path)
    assert [stored.run.id for stored in again] == [stored.run.id for stored in first]
    assert len(runs(tmp_path)) == 2


class _Clock:
    """Ten seconds go by between two looks: a limit of twelve is over at the second look after it was set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10.0
        return self.now


def test_time_that_is_up_stops_between_two_episodes_and_the_next_call_goes_on(tmp_path: Path) -> None:
    (entry,) = entered("scripted")
    whole = play([entry], tmp_path / "whole")[0]
    with pytest.raises(OutOfTime, match="time is up: scripted has played 1 of 3 episodes of hanoi-1"):
        play([entry], tmp_path / "cut", Deadline(0.2, _Clock()))
    (kept,) = runs(tmp_path / "cut")
    (stored,) = play([entry], tmp_path / "cut")
    assert (stored.run.id, stored.run.replay_sha256) == (kept, whole.run.replay_sha256)


def test_time_that_is_up_before_anything_begins_leaves_no_record(tmp_path: Path) -> None:
    with pytest.raises(OutOfTime, match="time is up before scripted could play hanoi-1"):
        play(entered("scripted"), tmp_path, Deadline(0.0))
    assert runs(tmp_path) == []


def test_a_run_that_ends_as_its_time_does_is_complete(tmp_path: Path) -> None:
    (entry,) = entered("random", replace(TERMS, episodes=1))
    assert play([entry], tmp_path, Deadline(0.2, _Clock()))[0].run.status == "complete"


@pytest.mark.parametrize("change", [{"seed": 5}, {"episodes": 2}, {"pose_noise": 0.002}])
def test_other_terms_are_another_run(tmp_path: Path, change: dict[str, float]) -> None:
    (entry,) = entered("random")
    play([entry], tmp_path)
    assert record_of(entry, tmp_path) is not None
    (other,) = entered("random", replace(TERMS, **change))  # type: ignore[arg-type]
    assert record_of(other, tmp_path) is None


def test_an_agent_whose_weights_have_changed_plays_anew(tmp_path: Path) -> None:
    (entry,) = entered("random")
    (stored,) = play([entry], tmp_path)
    told = json.loads((stored.folder / RUN).read_text())
    told["agent"]["sha256"] = "of other weights"
    (stored.folder / RUN).write_text(json.dumps(told))
    assert record_of(entry, tmp_path) is None


@pytest.mark.parametrize("meters", [True, False])
def test_what_was_metered_otherwise_is_played_anew(tmp_path: Path, meters: bool) -> None:
    (entry,) = entered("random")
    (stored,) = play([entry], tmp_path)
    told = json.loads((stored.folder / RUN).read_text())
    if meters:
        told["meters"] = [{**meter, "counts": not meter["counts"]} for meter in told["meters"]]
    else:
        told["hardware"]["gpu"] = "another"
    (stored.folder / RUN).write_text(json.dumps(told))
    assert record_of(entry, tmp_path) is None


def test_a_damaged_record_is_passed_over(tmp_path: Path) -> None:
    (entry,) = entered("random")
    (stored,) = play([entry], tmp_path)
    (stored.folder / RUN).write_text("{")
    assert record_of(entry, tmp_path) is None


def test_a_complete_record_is_taken_before_one_that_is_not(tmp_path: Path) -> None:
    """Of as many episodes: one that was stopped before it was sealed."""
    (entry,) = entered("random")
    (whole,) = play([entry], tmp_path)
    unsealed = tmp_path / f"0{whole.folder.name}"
    shutil.copytree(whole.folder, unsealed)
    (unsealed / RUN).write_text((unsealed / RUN).read_text().replace('"status": "complete"', '"status": "interrupted"'))
    found = record_of(entry, tmp_path)
    assert found is not None
    assert found.folder == whole.folder
    shutil.rmtree(whole.folder)
    left = record_of(entry, tmp_path)
    assert left is not None
    assert left.folder == unsealed


def test_who_cannot_play_is_named_with_the_reason(tmp_path: Path) -> None:
    found = enter(contestants(f"random,nobody,nesy:nothing,random:x,nesy+pick:{tmp_path}"), TERMS)
    assert [entry.contestant.name for entry in found.able] == ["random"]
    assert found.unable["nobody"].startswith("no agent is called 'nobody'")
    assert found.unable["nesy:nothing"] == (
        "nothing has no folder of weights for any of pick, place, stack, open, close, push: one, such as pick, is needed"
    )
    assert found.unable["random:x"] == "the agent 'random' has no variants: leave ':x' out"
    assert "no weights for the skill 'pick'" in found.unable[f"nesy+pick:{tmp_path}"]


def test_the_same_run_under_two_names_is_refused() -> None:
    with pytest.raises(
        InvalidValue, match="random and random@truth are one and the same run on these terms: leave one"
    ):
        enter(contestants("random,random@truth"), replace(TERMS, pose_noise=0.0))


def test_who_sees_no_poses_cannot_be_shown_true_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nsctl.evaluation.privilege", lambda channels: "pixels")
    found = enter(contestants("random,random@truth"), TERMS)
    assert [entry.contestant.name for entry in found.able] == ["random"]
    assert found.unable["random@truth"] == (
        "random is shown no poses (class pixels) that could be true: leave @truth out"
    )


def test_true_poses_are_a_class_of_their_own(tmp_path: Path) -> None:
    seen = {entry.contestant.name: entry.now.privilege for entry in entered("scripted,scripted@truth")}
    assert seen == {"scripted": "tracked", "scripted@truth": "sim_truth"}
