"""Records under fire: many writers at once, kills at any moment, and files that somebody has laid hands on."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import make_episode, make_run
from typer.testing import CliRunner

from nsctl.cli.app import app
from nsctl.errors import RecordError
from nsctl.evaluation import RunOptions, evaluate
from nsctl.merging import merge
from nsctl.record_folder import RecordWriter, read_record
from nsctl.records import SCHEMA_VERSION, replay_sha256
from nsctl.run_config import RunConfig
from nsctl.run_index import listed, rebuilt

WRITERS = 4


def write(runs: Path, writer: int, wanted: int) -> int:
    """Write every fourth episode of a run into a record of one's own."""
    with RecordWriter.create(runs, make_run(wanted, id=f"r{writer}")) as record:
        for index in range(writer, wanted, WRITERS):
            record.append(make_episode(index, run=f"r{writer}"))
        return len(record.episodes)


def crowd(record: Path, wanted: int) -> tuple[int, str]:
    """Write to a record that others want as well: how many episodes got there, and why no more."""
    try:
        with RecordWriter.open(record) as writer:
            for index in range(wanted):
                writer.append(make_episode(index))
            writer.complete()
            return wanted, ""
    except RecordError as error:
        return 0, str(error)


def pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(WRITERS, multiprocessing.get_context("spawn"))


@pytest.mark.parametrize("wanted", [200, pytest.param(4_000, marks=pytest.mark.slow)])
def test_four_processes_write_and_no_episode_is_lost_or_doubled(tmp_path: Path, wanted: int) -> None:
    seen = 0
    with pool() as writers:
        running: list[Future[int]] = [writers.submit(write, tmp_path, number, wanted) for number in range(WRITERS)]
        while not all(future.done() for future in running):
            shown = rebuilt(tmp_path)  # looks while they write, and never sees a half-written record as a broken one
            assert [row.trouble for row in shown if row.trouble] == []
            assert seen <= (seen := sum(row.episodes for row in shown)) <= wanted
    assert [future.result() for future in running] == [wanted // WRITERS] * WRITERS
    assert sum(row.episodes for row in listed(tmp_path)) == wanted
    keys = [(e.run, e.index) for n in range(WRITERS) for e in read_record(tmp_path / f"r{n}").episodes]
    assert sorted(keys) == sorted((f"r{index % WRITERS}", index) for index in range(wanted))
    whole = merge([tmp_path / f"r{number}" for number in range(WRITERS)], tmp_path)
    assert [e.index for e in read_record(whole.folder).episodes] == list(range(wanted))
    assert (whole.run.status, whole.repeated) == ("complete", 0)
    assert whole.run.replay_sha256 == replay_sha256(make_episode(index) for index in range(wanted))


def test_of_several_writers_of_one_record_all_but_one_are_refused(tmp_path: Path) -> None:
    RecordWriter.create(tmp_path, make_run(50)).__exit__(None, None, None)
    with pool() as writers:
        running = [writers.submit(crowd, tmp_path / "r", 50) for _ in range(WRITERS)]
    ends = sorted(future.result() for future in running)
    assert [kept for kept, _ in ends] == [0, 0, 0, 50]
    late = "repeats the key (r, hanoi-1, 0)"  # for whoever came when the first was done
    assert all("is being written by another nsctl" in why or late in why for _, why in ends[:-1])
    assert [e.index for e in read_record(tmp_path / "r").episodes] == list(range(50))


# Kills

RUN = """
import sys
from pathlib import Path
from nsctl.evaluation import RunOptions, evaluate, resume
from nsctl.run_config import RunConfig

class Tell:
    live = False
    def begin(self, config, done): print("begun", flush=True)
    def ended(self, episode): print(episode.index, flush=True)

runs, workers, episodes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
options = RunOptions(carbon=False, listener=Tell())
begun = sorted(path.parent for path in runs.glob("*/run.json"))
if begun:
    resume(begun[0], options)
else:
    evaluate(RunConfig("hanoi-1", agent="random", episodes=episodes, workers=workers), runs, options)
"""


def play_and_kill(runs: Path, workers: int, episodes: int, after: int) -> tuple[list[int], int]:
    """Play on until ``after`` episodes were told of, then kill -9 the whole group; what was told, and the exit code."""
    runs.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(runs), str(workers), str(episodes)],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    told: list[int] = []
    for line in process.stdout:
        told += [int(line)] if line.strip().isdigit() else []
        if len(told) >= after:
            break
    else:
        return told, process.wait()
    os.killpg(process.pid, signal.SIGKILL)
    told += [int(line) for line in process.stdout if line.strip().isdigit()]
    return told, process.wait()


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_again_and_again_loses_the_running_episode_at_most(tmp_path: Path, workers: int) -> None:
    episodes, told, code, kills = 6, 0, -signal.SIGKILL, 0
    while code == -signal.SIGKILL:
        new, code = play_and_kill(tmp_path / "cut", workers, episodes, after=2)
        told += len(new)
        kills += code == -signal.SIGKILL
        (folder,) = (tmp_path / "cut").glob("2*")
        kept = read_record(folder)
        # What was told of is on the disk; an episode that was just being told of may be there already.
        assert told <= len(kept.episodes) <= told + kills
        told = len(kept.episodes)
        assert kept.run.status == ("complete" if code == 0 else "running")
    assert (code, kept.run.status) == (0, "complete")
    assert kills >= 2
    whole = evaluate(RunConfig("hanoi-1", agent="random", episodes=episodes), tmp_path / "w", RunOptions(carbon=False))
    assert kept.run.replay_sha256 == whole.run.replay_sha256


def test_a_line_that_was_torn_anywhere_costs_that_line_alone(tmp_path: Path) -> None:
    with RecordWriter.create(tmp_path, make_run()) as writer:
        writer.append(make_episode(0))
    path = tmp_path / "r" / "episodes.jsonl"
    first = path.read_bytes()
    line = make_episode(1).model_dump_json().encode() + b"\n"
    for cut in range(0, len(line), 23):
        path.write_bytes(first + line[:cut])
        assert [e.index for e in read_record(tmp_path / "r").episodes] == [0]
        with RecordWriter.open(tmp_path / "r") as writer:
            writer.append(make_episode(1))
        assert path.read_bytes() == first + line


@pytest.mark.parametrize("replaced", [0, 1])
def test_an_end_between_the_two_files_of_a_complete_record_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: int
) -> None:
    place, left = os.replace, [replaced]

    def die(draft: Path, path: Path) -> None:
        if not left[0]:
            raise SystemExit
        left[0] -= 1
        place(draft, path)

    with RecordWriter.create(tmp_path, make_run()) as writer:
        for index in (2, 0, 1):
            writer.append(make_episode(index))
        monkeypatch.setattr(os, "replace", die)
        with pytest.raises(SystemExit):
            writer.complete()
        monkeypatch.undo()
    assert read_record(tmp_path / "r").run.status == "running"
    with RecordWriter.open(tmp_path / "r") as writer:
        assert sorted(writer.episodes) == [0, 1, 2]
        writer.complete()
    assert read_record(tmp_path / "r").run.status == "complete"


# Hands that were laid on

Damage = Callable[[Path], None]


def in_text(old: str, new: str, name: str = "episodes.jsonl") -> Damage:
    def damage(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return damage


def cut(folder: Path) -> None:
    """The last episode is gone, line and all."""
    path = folder / "episodes.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def unsealed(damage: Damage) -> Damage:
    """Whoever does the damage takes the seal off as well."""

    def both(folder: Path) -> None:
        damage(folder)
        path = folder / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "episodes_sha256": None}))

    return both


def large(name: str, size: int) -> Damage:
    return lambda folder: os.truncate(folder / name, size)  # sparse: nothing is written


def long_line(folder: Path) -> None:
    path = folder / "episodes.jsonl"
    path.write_bytes(path.read_bytes() + b'{"run":"' + b"r" * 1_000_000 + b'"}\n')


def written(text: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / "run.json").write_text(text)

    return damage


DAMAGES: dict[str, tuple[Damage, str]] = {
    "tampered": (in_text('"steps":10', '"steps":11'), "was changed after the run was complete: its SHA-256 is not the"),
    "truncated": (cut, "was changed after the run was complete: its SHA-256 is not the"),
    "truncated, seal off": (unsealed(cut), "has 2 of 3 episodes, yet run.json says complete"),
    "doubled": (unsealed(in_text('"index":2', '"index":1')), "jsonl:3 repeats the key (r, hanoi-1, 1)"),
    "of another run": (unsealed(in_text('"run":"r"', '"run":"s"')), "jsonl:1 belongs to run 's', not to 'r'"),
    "of another seed": (unsealed(in_text('"seed":0', '"seed":1')), "jsonl:1 belongs to seed 1, not to 0"),
    "not a number": (unsealed(in_text('"steps":10', '"steps":"ten"')), "jsonl:1 is not a valid EpisodeRecord: steps: "),
    "infinite": (unsealed(in_text('"wall":1.0', '"wall":1e999')), "jsonl:1 is not a valid EpisodeRecord: seconds."),
    "unknown field": (
        in_text('"id"', '"ip": 1, "id"', "run.json"),
        "run.json is not a valid RunRecord: ip: Extra inputs",
    ),
    "future schema": (
        in_text(f'"schema_version": {SCHEMA_VERSION}', '"schema_version": 99', "run.json"),
        f"run.json has schema_version 99, and this nsctl reads 1 to {SCHEMA_VERSION}",
    ),
    "foreign schema": (
        in_text(f'"schema_version": {SCHEMA_VERSION}', '"schema_version": "lm-eval"', "run.json"),
        "run.json has schema_version 'lm-eval'; this nsctl reads 1 to",
    ),
    "foreign file": (written("[1]"), "is no run record: it has no schema"),
    "half a run.json": (lambda folder: os.truncate(folder / "run.json", 100), "run.json is not JSON: "),
    "nested": (written("[" * 200_000), "run.json is not JSON: "),
    "large run.json": (large("run.json", 4_000_001), "run.json is 4,000,001 bytes long; run.json may have 4,000,000"),
    "large file": (
        large("episodes.jsonl", 2_000_000_001),
        "jsonl is 2,000,000,001 bytes long; episodes.jsonl may have",
    ),
    "long line": (unsealed(long_line), "jsonl:4 is 1,000,010 bytes long; an episode may have 1,000,000"),
    "no episodes": (
        lambda folder: (folder / "episodes.jsonl").unlink(),
        "episodes.jsonl is missing: the folder is",
    ),
}
"""What was done, and what the sentence says of it."""


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("honest")
    with RecordWriter.create(runs, make_run()) as writer:
        for index in range(3):
            writer.append(make_episode(index))
        writer.complete(ended="2026-01-01T00:01:00+00:00")
    return runs / "r"


@pytest.fixture
def folder(honest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest, tmp_path / "r"))


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_refused_by_a_message_of_its_own_and_left_as_it_is(folder: Path, name: str) -> None:
    damage, message = DAMAGES[name]
    damage(folder)
    before = state(folder)
    for read in (read_record, RecordWriter.open):
        with pytest.raises(RecordError) as refused:
            read(folder)
        assert message in str(refused.value)
    assert state(folder) == before


def test_every_message_is_another() -> None:
    messages = [message for name, (_, message) in DAMAGES.items() if name not in ("truncated", "half a run.json")]
    assert len(set(messages)) == len(messages)


@pytest.mark.parametrize("name", ["tampered", "future schema", "long line"])
@pytest.mark.parametrize(
    "command", [["board", "verify"], ["runs", "show"], ["runs", "resume"], ["run", "--resume"], ["energy", "replay"]]
)
def test_every_command_refuses_with_the_same_sentence(folder: Path, name: str, command: list[str]) -> None:
    damage, message = DAMAGES[name]
    damage(folder)
    before = state(folder)
    answer = CliRunner().invoke(app, [*command, str(folder)], prog_name="nsctl")
    assert (answer.exit_code, answer.stdout) == (1, "")
    (line,) = answer.stderr.strip().splitlines()
    assert message in line
    assert state(folder) == before


def test_a_flipped_bit_of_an_episode_never_goes_unnoticed(folder: Path) -> None:
    path, draw = folder / "episodes.jsonl", random.Random(0)
    content = path.read_bytes()
    for _ in range(200):
        place = draw.randrange(len(content))
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :])
        with pytest.raises(RecordError):
            read_record(folder)


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(["run.json", "episodes.jsonl"]),
    place=st.floats(0, 1),
    junk=st.one_of(
        st.binary(max_size=12), st.sampled_from([b"1e999", b"NaN", b"null", b"9" * 5000, b"\xff", b'"', b"{"])
    ),
    drop=st.integers(0, 40),
)
def test_whatever_is_in_the_files_nothing_but_a_record_error_is_raised(
    honest: Path, tmp_path_factory: pytest.TempPathFactory, name: str, place: float, junk: bytes, drop: int
) -> None:
    folder = tmp_path_factory.mktemp("junk")
    shutil.copytree(honest, folder, dirs_exist_ok=True)
    content = (folder / name).read_bytes()
    at = round(place * len(content))
    (folder / name).write_bytes(content[:at] + junk + content[at + drop :])
    with suppress(RecordError):
        read_record(folder)
