"""The tools that can show a run: TensorBoard, Weights & Biases, Trackio. Each is imported when it is asked for.

Nothing goes over the network unless the user has set a tool up for that.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Protocol

from nsctl.errors import NsctlError, UnknownName

PROJECT = "nsctl"
Values = Mapping[str, float]
Fields = Mapping[str, Any]


class Log(Protocol):
    """One tool that shows runs. Making it imports the tool; it may raise whatever it likes afterwards."""

    def open(self, folder: Path, run: Fields) -> None:
        """A run begins, whose record is in ``folder``; ``run`` are the fields of its ``run.json``."""

    def episode(self, index: int, values: Values) -> None:
        """The episode of this number has ended."""

    def summary(self, values: Values) -> None:
        """The run is complete."""

    def close(self) -> None:
        """Nothing more will come, whether the run is complete or not."""


class TensorBoardLog:
    """Scalars and two texts in an event file in the folder ``tensorboard`` of the record."""

    def __init__(self) -> None:
        _tool("tensorboard.summary.writer.event_file_writer", "tensorboard", "tensorboard")
        self._writer: Any = None

    def open(self, folder: Path, run: Fields) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        target = folder / "tensorboard"
        for old in target.glob("events.out.tfevents.*"):
            old.unlink()
        self._writer = EventFileWriter(str(target))
        self._text("run", run)

    def episode(self, index: int, values: Values) -> None:
        self._scalars(index, values)
        self._writer.flush()

    def summary(self, values: Values) -> None:
        self._scalars(0, {f"summary/{name}": value for name, value in values.items()})

    def close(self) -> None:
        self._writer.close()

    def _scalars(self, step: int, values: Values) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary as Scalars

        self._add(step, Scalars(value=[Scalars.Value(tag=name, simple_value=value) for name, value in values.items()]))

    def _text(self, tag: str, fields: Fields) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary as Texts
        from tensorboard.plugins.text import metadata
        from tensorboard.util.tensor_util import make_tensor_proto

        lines = json.dumps(fields, indent=2).splitlines()
        markdown = "\n".join(f"    {line}" for line in lines)  # four blanks: Markdown shows it as it is
        about = metadata.create_summary_metadata(display_name=tag, description="")
        self._add(0, Texts(value=[Texts.Value(tag=tag, metadata=about, tensor=make_tensor_proto(markdown.encode()))]))

    def _add(self, step: int, summary: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))


class WandbLog:
    """A run of Weights & Biases, offline in the folder ``wandb`` of the record unless ``WANDB_MODE`` says otherwise."""

    def __init__(self) -> None:
        self._mode = os.environ.get("WANDB_MODE", "offline")
        if (
            self._mode == "offline"
        ):  # it reports its own errors to its makers, and looks them up on the network for that
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        self._wandb = _tool("wandb", "wandb", "wandb")
        self._run: Any = None

    def open(self, folder: Path, run: Fields) -> None:
        quiet = self._wandb.Settings(silent=True, console="off", x_disable_stats=True)
        self._run = self._wandb.init(
            project=PROJECT, name=run["id"], dir=str(folder), mode=self._mode, config=dict(run), settings=quiet
        )
        self._run.define_metric("*", step_metric="episode")  # episodes end in any order where several play

    def episode(self, index: int, values: Values) -> None:
        self._run.log({"episode": index, **values})

    def summary(self, values: Values) -> None:
        self._run.summary.update(dict(values))

    def close(self) -> None:
        self._run.finish()


class TrackioLog:
    """A run of Trackio's project ``nsctl``, in its own local database unless the user has set up another place."""

    def __init__(self) -> None:
        self._trackio = _tool("trackio", "trackio", "trackio")
        self._run: Any = None

    def open(self, folder: Path, run: Fields) -> None:
        with redirect_stdout(sys.stderr):  # it prints how it is to be looked at
            self._run = self._trackio.init(
                project=PROJECT, name=run["id"], config=dict(run), embed=False, auto_log_gpu=False, auto_log_cpu=False
            )

    def episode(self, index: int, values: Values) -> None:
        self._run.log(dict(values), step=index)

    def summary(self, values: Values) -> None:
        self._run.log({f"summary/{name}": value for name, value in values.items()})

    def close(self) -> None:
        with redirect_stdout(sys.stderr):
            self._trackio.finish()  # and not its run's, which it would finish once more, and say so, at the very end


LOGS: dict[str, Callable[[], Log]] = {"tensorboard": TensorBoardLog, "wandb": WandbLog, "trackio": TrackioLog}
"""By the name on the command line."""


def make(name: str) -> Log:
    """The tool of this name; refuses an unknown one, and says which extra brings one that is not installed."""
    if name not in LOGS:
        raise UnknownName("log", name, LOGS)
    return LOGS[name]()


def _tool(module: str, tool: str, extra: str) -> Any:
    """A module of a tool that an extra brings."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise NsctlError(
            f"--log {tool} needs {tool}, which cannot be imported ({error}): pip install 'nsctl[{extra}]'"
        ) from None
