"""TensorBoard for real; Weights & Biases and Trackio by stand-ins that record what they are asked."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nsctl.cli.app import app
from nsctl.errors import NsctlError
from nsctl.log_tools import LOGS, TensorBoardLog, TrackioLog, WandbLog, make
from nsctl.record_folder import read_record
from nsctl.run_log import episode_values

RUN = {"id": "r", "config": {"task": "hanoi-1"}}


class Tool:
    """Stands in for wandb and for trackio: notes every call, of itself and of what it gives."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.summary = self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def noted(*arguments: Any, **options: Any) -> Tool:
            self.calls.append((name, {**{str(i): a for i, a in enumerate(arguments)}, **options}))
            print(f"{name} speaks")
            return self

        return noted


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Tool:
    tool = Tool()
    monkeypatch.setitem(sys.modules, "wandb", tool)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "trackio", tool)  # type: ignore[arg-type]
    for name in ("WANDB_MODE", "WANDB_ERROR_REPORTING"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tool


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["run", *arguments, "--no-carbon"], prog_name="nsctl", env={"COLUMNS": "80"})


def scalars(folder: Path) -> tuple[dict[str, list[tuple[int, float]]], Any]:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / "tensorboard"))
    read.Reload()
    return {tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}, read


def test_a_run_leaves_an_event_file_that_tensorboard_reads(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    answer = run("hanoi-1", "--agent", "random", "--episodes", "2", "--log", "tensorboard", "--runs", str(tmp_path))
    assert answer.exit_code == 0, answer.output
    (folder,) = tmp_path.iterdir()
    stored = read_record(folder)
    found, read = scalars(folder)
    for name, value in episode_values(stored.episodes[1]).items():
        assert found[name][1] == (1, pytest.approx(value, rel=1e-6)), name
    assert found["summary/success_rate"] == [(0, 0.0)]
    (text,) = read.Tensors("run")[0].tensor_proto.string_val
    shown = json.loads(text)
    assert (shown["id"], shown["config"]["task"]) == (stored.run.id, "hanoi-1")
    assert read.SummaryMetadata("run").plugin_data.plugin_name == "text"


def test_an_event_file_of_an_earlier_sitting_is_replaced(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "notes.txt").write_text("mine")
    for values in ({"steps": 1.0}, {"steps": 2.0}):
        log = TensorBoardLog()
        log.open(tmp_path, RUN)
        log.episode(0, values)
        log.close()
    assert scalars(tmp_path)[0] == {"steps": [(0, 2.0)]}
    assert (tmp_path / "tensorboard" / "notes.txt").exists()


def test_wandb_stays_off_the_network_unless_the_user_says_otherwise(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = WandbLog()
    assert os.environ["WANDB_ERROR_REPORTING"] == "false"
    log.open(tmp_path, RUN)
    log.episode(3, {"steps": 1.0})
    log.summary({"success_rate": 0.5})
    log.close()
    calls = dict(tool.calls)
    assert [name for name, _ in tool.calls] == ["Settings", "init", "define_metric", "log", "update", "finish"]
    init = calls["init"]
    assert (init["mode"], init["dir"], init["name"], init["config"]) == ("offline", str(tmp_path), "r", RUN)
    assert calls["log"] == {"0": {"episode": 3, "steps": 1.0}}
    assert calls["update"] == {"0": {"success_rate": 0.5}}
    tool.calls.clear()
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.delenv("WANDB_ERROR_REPORTING")
    WandbLog().open(tmp_path, RUN)
    assert dict(tool.calls)["init"]["mode"] == "online"
    assert "WANDB_ERROR_REPORTING" not in os.environ


def test_trackio_logs_locally_and_keeps_stdout_clean(
    tool: Tool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = TrackioLog()
    log.open(tmp_path, RUN)
    log.close()
    assert capsys.readouterr().out == ""
    log.episode(3, {"steps": 1.0})
    log.summary({"success_rate": 0.5})
    assert [name for name, _ in tool.calls] == ["init", "finish", "log", "log"]
    init = tool.calls[0][1]
    assert "space_id" not in init
    assert (init["project"], init["name"], init["auto_log_cpu"], init["auto_log_gpu"]) == ("nsctl", "r", False, False)
    assert tool.calls[2][1] == {"0": {"steps": 1.0}, "step": 3}
    assert tool.calls[3][1] == {"0": {"summary/success_rate": 0.5}}


def test_several_logs_of_one_run(tool: Tool, tmp_path: Path) -> None:
    answer = run(
        "hanoi-1", "--agent", "random", "--episodes", "1", "--log", "wandb", "--log", "trackio", "--runs", str(tmp_path)
    )
    assert answer.exit_code == 0, answer.output
    assert [name for name, _ in tool.calls].count("init") == 2
    assert [name for name, _ in tool.calls].count("finish") == 2


@pytest.mark.parametrize("name", LOGS)
def test_a_tool_that_is_missing_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def absent(module: str) -> Any:
        raise ImportError(f"No module named {module!r}")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(NsctlError, match=rf"--log {name} needs {name}, .*: pip install 'nsctl\[{name}\]'"):
        make(name)


def test_a_missing_tool_ends_the_command_before_anything_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)  # type: ignore[arg-type]
    answer = run("hanoi-1", "--agent", "random", "--log", "trackio", "--runs", str(tmp_path / "runs"))
    assert answer.exit_code == 1
    assert "pip install 'nsctl[trackio]'" in answer.stderr
    assert not (tmp_path / "runs").exists()
