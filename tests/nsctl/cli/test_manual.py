"""docs/cli.md and docs/record.md name every option, key and field, and the page's command works."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from nsctl.cli import exits
from nsctl.cli.app import app
from nsctl.records import ConfigRecord, EpisodeRecord, HardwareRecord, MeterRecord, RunRecord, json_schema
from nsctl.registry import GROUPS

DOCS = Path(__file__).parents[3] / "docs"
CLI, RECORD = (DOCS / "cli.md").read_text(), (DOCS / "record.md").read_text()
GLOBAL = {"--version", "--debug", "--install-completion"}


def options() -> set[str]:
    """Every long option of every command, but for help and for showing the completion script."""
    commands, found = [typer.main.get_command(app)], set()
    while commands:
        command = commands.pop()
        commands.extend(getattr(command, "commands", {}).values())
        found |= {name for p in command.params for name in (*p.opts, *p.secondary_opts) if name.startswith("--")}
    return found - {"--help", "--show-completion"}


def test_every_option_is_documented_and_no_other() -> None:
    assert options() == set(re.findall(r"`(?:nsctl )?(--[a-z-]+)", CLI)) - {"--help"}
    assert options() >= GLOBAL


@pytest.mark.parametrize("name", ["DONE", "FAILED", "USAGE", "UNSOLVABLE", "TIMED_OUT", "UNSUPPORTED", "INTERRUPTED"])
def test_every_exit_code_is_documented(name: str) -> None:
    assert f"\n| {getattr(exits, name)} | " in CLI


def test_every_group_of_parts_is_documented() -> None:
    assert all(f"`{group}`" in CLI for group in GROUPS)


@pytest.mark.parametrize("record", [RunRecord, EpisodeRecord, ConfigRecord, HardwareRecord, MeterRecord])
def test_every_field_of_a_record_is_documented(record: type) -> None:
    fields = set(record.model_fields)  # type: ignore[attr-defined]
    assert fields <= set(re.findall(r"`([a-z_0-9]+)`", RECORD))


def test_the_command_for_the_schema_works() -> None:
    (code,) = re.findall(r'python -c "(.+)"\n', RECORD)
    assert json.loads(subprocess.check_output([sys.executable, "-c", code])) == json_schema()
