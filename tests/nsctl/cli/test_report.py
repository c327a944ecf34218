"""The page at the end of a run."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from samples import make_episode, make_run

from nsctl.cli.report import print_report
from nsctl.evaluation import Evaluation
from nsctl.idle import mean_net
from nsctl.records import DisturbanceRecord, IdleRecord, MeterRecord, OutcomeRecord
from nsctl.summary import summarise


def page(width: int) -> str:
    file = io.StringIO()
    failed = OutcomeRecord(status="errored", reason="OSError: no bus")
    episodes = [make_episode(0, success_once=True), make_episode(1), make_episode(2, outcome=failed)]
    done = Evaluation(Path("runs") / "r", make_run(), summarise(episodes))
    print_report(done, Console(file=file, width=width))
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_the_terminal(width: int) -> None:
    assert max(len(line.rstrip()) for line in page(width).splitlines()) <= width


def test_failures_errors_and_unknowns_are_said() -> None:
    told = page(80)
    assert "2 × gave up" in told
    assert "1 × OSError: no bus" in told
    assert "errors             1/3 = 33%" in told
    assert "success once       1/3 = 33%" in told
    assert "plan               —" in told
    assert "joules per success   —" in told
    assert "record  runs/r" in told


def test_joules_have_their_labels() -> None:
    rows = [line.split()[:3] for line in page(80).splitlines()]
    assert ["agent", "3", "measured"] in rows
    assert ["total", "6", "measured"] in rows


def test_brackets_in_a_reason_are_no_markup() -> None:
    file = io.StringIO()
    odd = make_episode(0, outcome=OutcomeRecord(status="failed", reason="[red]odd[/nothing]"))
    print_report(Evaluation(Path("r"), make_run(), summarise([odd])), Console(file=file, width=80))
    assert "1 × [red]odd[/nothing]" in file.getvalue()


def test_a_recovery_is_counted_among_the_episodes_that_asked_for_one() -> None:
    file, push = io.StringIO(), ({"kind": "push"},)
    won = {"success_at_end": True, "outcome": OutcomeRecord(status="succeeded", reason=""), "disturbances": push}
    episodes = [
        make_episode(0, **won),
        make_episode(1, **won, replans=1),
        make_episode(2, retries=1, disturbances=push),
    ]
    run = make_run()
    run = run.model_copy(
        update={"config": run.config.model_copy(update={"disturb": (DisturbanceRecord(kind="push", strength=1.0),)})}
    )
    print_report(Evaluation(Path("r"), run, summarise(episodes)), Console(file=file, width=80))
    rows = [" ".join(line.split()) for line in file.getvalue().splitlines()]
    assert "disturbed 3/3 = 100% episodes, by push" in rows
    assert "reacted 2/3 = 67% replanned or retried; 1 needed neither" in rows
    assert "recovered 1/2 = 50% of those succeeded; 95 % 9% to 91%" in rows


def idle_page(width: int, **fields: bool) -> str:
    found = IdleRecord(before={"rapl": 0.25}, after={"rapl": 0.25}, seconds=2.0, **fields)
    run, episodes = make_run(idle=found), [make_episode(0, success_at_end=True), make_episode(1)]
    file = io.StringIO()
    done = Evaluation(Path("r"), run, summarise(episodes), mean_net(episodes, run))
    print_report(done, Console(file=file, width=width))
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_gross_and_net_stand_side_by_side_where_they_differ(width: int) -> None:
    told = idle_page(width, drift=True, contended=True)
    rows = [line.split()[:4] for line in told.splitlines()]
    assert ["agent", "3", "2.25", "measured"] in rows
    assert ["joules", "per", "success", "6"] in rows
    assert max(len(line.rstrip()) for line in told.splitlines()) <= width
    sentence = "Net: less the machine's idle power (rapl 0.25 W) x time. It drifted by more than a tenth."
    assert f"{sentence} Other processes were at work." in " ".join(told.split())


def test_a_machine_that_lay_still_raises_no_flags() -> None:
    told = " ".join(idle_page(80, drift=False, contended=False).split())
    assert "x time." in told
    assert "drifted" not in told
    assert "Other processes" not in told


def test_a_run_whose_net_is_its_gross_speaks_of_neither() -> None:
    file = io.StringIO()
    episodes = [make_episode(0)]
    net = summarise(episodes).joules
    print_report(Evaluation(Path("r"), make_run(), summarise(episodes), net), Console(file=file, width=80))
    assert "net" not in file.getvalue().lower()
    assert "gross" not in file.getvalue()


@pytest.mark.parametrize(
    ("counts", "why"),
    [(True, "wall fell silent, fell back or could not be read in 1 of 1 episodes"), (False, "no meter works here")],
)
def test_joules_that_are_unavailable_have_a_reason(counts: bool, why: str) -> None:
    meter = MeterRecord(
        name="wall",
        label="attributed",
        granularity="episode",
        scope="machine",
        counts=counts,
        why_not="",
        description={},
    )
    done = Evaluation(
        Path("r"), make_run().model_copy(update={"meters": (meter,)}), summarise([make_episode(0)]), {}, 1
    )
    file = io.StringIO()
    print_report(done, Console(file=file, width=80))
    told = " ".join(file.getvalue().split())
    assert f"Joules are unavailable: {why}" in told
    assert "Joules of computing" not in told
