"""Partial records of one run become one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from samples import make_episode, make_run

from nsctl.errors import InvalidValue, RecordError
from nsctl.merging import merge
from nsctl.record_folder import RecordWriter, read_record
from nsctl.records import ConfigRecord, IdleRecord, MeterRecord, RunRecord, replay_sha256


def put(runs: Path, name: str, indices: tuple[int, ...], changed: dict[str, Any] | None = None, **fields: Any) -> Path:
    """A record ``name`` that holds these of three episodes; ``changed`` goes into each of them."""
    with RecordWriter.create(runs, make_run(id=name, **fields)) as writer:
        for index in indices:
            writer.append(make_episode(index, run=name, **(changed or {})))
    return runs / name


def config(**fields: Any) -> ConfigRecord:
    return make_run().config.model_copy(update=fields)


def idle(before: float, after: float, **fields: Any) -> IdleRecord:
    given = {"before": {"rapl": before}, "after": {"rapl": after}, "seconds": 2.0, "drift": False, "contended": False}
    return IdleRecord.model_validate({**given, **fields})


def merged(tmp_path: Path, *folders: Path) -> RunRecord:
    return merge(folders, tmp_path / "merged", ("nsctl", "runs", "merge")).run


def test_all_episodes_of_all_parts_are_there_once(tmp_path: Path) -> None:
    parts = [put(tmp_path, "a", (2, 0)), put(tmp_path, "b", (1,))]
    before = [(path, path.read_bytes()) for part in parts for path in part.iterdir()]
    made = merge(parts, tmp_path / "merged", ("nsctl",))
    stored = read_record(made.folder)
    assert [episode.index for episode in stored.episodes] == [0, 1, 2]
    assert {episode.run for episode in stored.episodes} == {stored.run.id} == {made.folder.name}
    assert (stored.run.status, stored.run.merged, made.repeated) == ("complete", ("a", "b"), 0)
    assert stored.run.replay_sha256 == replay_sha256(make_episode(i) for i in range(3))
    assert [(path, path.read_bytes()) for path, _ in before] == before


def test_a_merged_record_that_lacks_some_can_be_gone_on_with_and_merged_again(tmp_path: Path) -> None:
    made = merge([put(tmp_path, "a", (0,)), put(tmp_path, "b", (1,))], tmp_path / "merged")
    assert (made.run.status, made.run.ended) == ("interrupted", None)
    RecordWriter.open(made.folder).__exit__(None, None, None)
    again = merge([made.folder, put(tmp_path, "c", (2,))], tmp_path / "merged")
    assert (again.run.status, again.run.merged) == ("complete", ("a", "b", "c"))


def test_what_is_the_same_but_for_times_and_joules_is_taken_once(tmp_path: Path) -> None:
    own = make_episode(0).joules
    others = {name: figure.model_copy(update={"value": 7.0}) for name, figure in own.items()}
    first = put(tmp_path, "a", (0, 1), started="2026-01-02T00:00:00+00:00")
    second = put(tmp_path, "b", (1, 2), {"joules": others})
    made = merge([first, second], tmp_path / "merged")
    assert made.repeated == 1
    assert [episode.joules == own for episode in made.episodes] == [True, False, False]  # b began before a


def test_what_is_not_the_same_is_refused(tmp_path: Path) -> None:
    parts = [put(tmp_path, "a", (0, 1)), put(tmp_path, "b", (1, 2), {"final_hash": "other"})]
    with pytest.raises(RecordError, match=r"episode 1 is not the same in .*a and .*b: its final_hash is 'bb' and 'oth"):
        merge(parts, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"agent": {"skills": {"pick": {"sha256": "x"}}}}, "agent skills.pick.sha256 is None and 'x'"),
        ({"code": "other"}, "code is 'c0de' and 'other'"),
        ({"versions": {"python": "3.12"}}, "versions python is '3.11' and '3.12'"),
        ({"config": config(pose_noise=0.0)}, "config pose_noise is 0.001 and 0.0"),
    ],
)
def test_parts_of_other_runs_are_refused(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    parts = [put(tmp_path, "a", (0,)), put(tmp_path, "b", (1,), **fields)]
    with pytest.raises(RecordError, match=rf"a and .*b cannot be merged: {message}"):
        merge(parts, tmp_path / "merged")


def test_parts_of_other_meters_are_refused(tmp_path: Path) -> None:
    meter = MeterRecord(name="rapl", label="measured", granularity="phase", counts=True, why_not="", description={})
    parts = [put(tmp_path, "a", (0,)), put(tmp_path, "b", (1,), meters=(meter,))]
    with pytest.raises(
        RecordError, match=r"cannot be merged: meters that count is \[\] and \[\('rapl', 'measured'\)\]"
    ):
        merge(parts, tmp_path / "merged")


def test_older_records_are_refused(tmp_path: Path) -> None:
    old = Path(__file__).parent / "records" / "schema-2-looks"
    with pytest.raises(RecordError, match=r"is a record of schema 2; only those of schema 3 can be merged"):
        merge([old, put(tmp_path, "a", (0,))], tmp_path / "merged")


@pytest.mark.parametrize("times", [1, 2])
def test_one_record_is_not_enough(tmp_path: Path, times: int) -> None:
    with pytest.raises(InvalidValue, match="at least two records, and each only once, are needed"):
        merge([put(tmp_path, "a", (0,))] * times, tmp_path / "merged")


def test_times_are_those_of_all_parts(tmp_path: Path) -> None:
    one = put(tmp_path, "a", (0,), ended="2026-01-01T00:05:00+00:00", wall_seconds=5.0)
    two = put(
        tmp_path, "b", (1,), started="2026-01-03T00:00:00+00:00", ended="2026-01-03T00:00:00+00:00", wall_seconds=2.0
    )
    run = merged(tmp_path, two, one)
    assert (run.started[:10], run.ended, run.wall_seconds) == ("2026-01-01", "2026-01-03T00:00:00+00:00", 7.0)
    killed = put(tmp_path, "c", (2,))
    assert merged(tmp_path, one, killed).wall_seconds is None


def test_copies_of_one_record_share_their_time(tmp_path: Path) -> None:
    one, two = (put(tmp_path / side, "a", (index,), wall_seconds=5.0) for index, side in enumerate("xy"))
    run = merged(tmp_path, one, two)
    assert (run.wall_seconds, run.merged) == (None, ("a",))


@pytest.mark.parametrize(
    ("grades", "whole"), [((None, "D"), "D"), (("B", None), "B"), (("B", "D"), "D"), ((None, None), None)]
)
def test_the_grade_is_the_worst_of_those_known(tmp_path: Path, grades: tuple[Any, Any], whole: str | None) -> None:
    killed, over = (put(tmp_path, "ab"[index], (index,), grade=grade) for index, grade in enumerate(grades))
    assert merged(tmp_path, killed, over).grade == whole


def test_idle_power_is_that_before_the_first_and_after_the_last(tmp_path: Path) -> None:
    one, two = put(tmp_path, "a", (0,), idle=idle(10.0, 10.1)), put(tmp_path, "b", (1,), idle=idle(12.0, 12.1))
    assert merged(tmp_path, one, two).idle == idle(10.0, 12.1, drift=True)
    steady = put(tmp_path, "c", (2,), idle=idle(10.0, 10.2, contended=True))
    assert merged(tmp_path, one, steady).idle == idle(10.0, 10.2, contended=True)
    assert merged(tmp_path, one, put(tmp_path, "d", (2,))).idle is None
