"""The nouns of a record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from samples import make_episode, make_run

from nsctl.contracts import Label
from nsctl.records import (
    SCHEMA_VERSION,
    EpisodeRecord,
    FigureRecord,
    PhaseSeconds,
    RunRecord,
    json_schema,
    privilege,
    replay_sha256,
    weakest,
)


def figure(value: float | None, label: Label = "measured", source: str = "rapl") -> FigureRecord:
    return FigureRecord(value=value, label=label, source=source)


def test_a_sum_has_the_weakest_label_and_every_source_once() -> None:
    total = FigureRecord.total([figure(1.0), figure(2.0, "modelled", "modelled"), figure(4.0, "attributed")])
    assert total == FigureRecord(value=7.0, label="modelled", source="rapl+modelled")


def test_a_source_that_counts_in_several_parts_is_named_once() -> None:
    both = figure(1.0, "attributed", "rapl+nvml")
    assert FigureRecord.total([figure(2.0), both, figure(3.0, source="nvml")]).source == "rapl+nvml"


def test_a_mean_has_the_weakest_label_too() -> None:
    mean = FigureRecord.mean([figure(1.0), figure(2.0, "modelled", "modelled")])
    assert mean == FigureRecord(value=1.5, label="modelled", source="rapl+modelled")
    assert FigureRecord.mean([figure(1.0), figure(None, "unavailable", "none")]).value is None
    assert FigureRecord.mean([]).value is None


@pytest.mark.parametrize("parts", [[], [figure(1.0), figure(None, "unavailable", "none")]])
def test_a_sum_with_a_missing_part_is_missing_and_not_0(parts: list[FigureRecord]) -> None:
    assert FigureRecord.total(parts) == FigureRecord(value=None, label="unavailable", source="none")


def test_labels_are_ordered_from_measured_to_unavailable() -> None:
    assert weakest(["measured", "attributed"]) == "attributed"
    assert weakest(["simulated", "modelled"]) == "simulated"
    assert weakest([]) == "unavailable"


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ({"objects": "sim_truth", "images": "pixels"}, "sim_truth"),
        ({"objects": "estimated"}, "tracked"),
        ({"images": "pixels", "proprio": "estimated"}, "pixels"),
    ],
)
def test_privilege_is_what_the_objects_channel_gives_away(channels: Any, expected: str) -> None:
    assert privilege(channels) == expected


def test_records_are_frozen_and_refuse_unknown_fields() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_episode().steps = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        make_episode(stesp=3)


@pytest.mark.parametrize("bad", [{"index": -1}, {"steps": -1}])
def test_counts_are_not_negative(bad: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        make_episode(**bad)


def test_infinite_joules_are_refused() -> None:
    with pytest.raises(ValidationError, match="finite number"):
        figure(float("inf"))


def test_what_a_part_says_becomes_json() -> None:
    said = {"n": np.int64(3), "xs": np.array([1.0, 2.0]), "pair": (1, "a"), "path": object}
    agent = make_run(agent=said).agent
    assert agent == {"n": 3, "xs": [1.0, 2.0], "pair": [1, "a"], "path": str(object)}
    with pytest.raises(ValidationError, match="not JSON compliant"):
        make_run(agent={"x": float("nan")})


def test_records_survive_json() -> None:
    episode, run = make_episode(skills=({"step": "pick(a)"},)), make_run()
    assert EpisodeRecord.model_validate_json(episode.model_dump_json()) == episode
    assert RunRecord.model_validate_json(run.model_dump_json()) == run


@pytest.mark.parametrize(("field", "name"), [("seconds", "plan"), ("joules", "plan"), ("joules", "total")])
def test_an_episode_without_an_entry_of_each_phase_and_sum_is_refused(field: str, name: str) -> None:
    told = {phase: value for phase, value in getattr(make_episode(), field).items() if phase != name}
    with pytest.raises(ValidationError, match=f"there is no entry of {name}, not even null"):
        make_episode(**{field: told})


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "../../elsewhere"},
        {"id": "a\\b"},
        {"id": ""},
        {"started": "yesterday"},
        {"started": "2026-01-01T00:00:00"},
        {"ended": "<b>"},
    ],
    ids=str,
)
def test_a_run_whose_id_is_a_path_or_whose_times_are_none_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        make_run(**fields)


def test_what_must_repeat_leaves_out_run_times_and_joules() -> None:
    episode = make_episode(skills=({"step": "pick(a)"},))
    assert set(EpisodeRecord.model_fields) - set(episode.replayable()) == {"run", "seconds", "joules"}
    other = episode.model_copy(update={"run": "s", "seconds": {}, "joules": {}})
    assert other.replayable() == episode.replayable()


def test_two_runs_are_the_same_if_their_replays_are() -> None:
    one = replay_sha256([make_episode(0), make_episode(1)])
    quick = dict.fromkeys(make_episode().seconds, PhaseSeconds(wall=0.1, cpu=0.1))
    free = dict.fromkeys(make_episode().joules, figure(0.0))
    assert one == replay_sha256([make_episode(1, run="s", seconds=quick), make_episode(0, joules=free)])
    assert one != replay_sha256([make_episode(0), make_episode(1, steps=11)])
    assert one != replay_sha256([make_episode(0)])


def test_the_published_schema_closes_every_object() -> None:
    schema = json_schema()
    assert schema["run"]["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    later = {"looks", "robot"}  # older records do without
    assert set(schema["episode"]["required"]) == set(EpisodeRecord.model_fields) - later
    own = [schema["run"], schema["episode"], *schema["run"]["$defs"].values(), *schema["episode"]["$defs"].values()]
    objects = [part for part in own if "properties" in part]
    assert len(objects) >= 9
    assert all(part["additionalProperties"] is False for part in objects)
