"""What README and docs name is there: files, commands, options, tasks."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from nsctl import tasks
from nsctl.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md"), *ROOT.glob("examples/*.md")]
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
PICTURE = re.compile(r'src="([^"]+)"')
COMMAND = re.compile(r"(?:^ {4}|&& |`)(nsctl [a-z][^#`\n]*)", re.MULTILINE)


def mentioned(pattern: re.Pattern[str]) -> list[tuple[Path, str]]:
    return [(page, match.strip()) for page in PAGES for match in pattern.findall(page.read_text())]


@pytest.mark.parametrize(("page", "target"), mentioned(LINK) + mentioned(PICTURE), ids=str)
def test_what_is_linked_is_there(page: Path, target: str) -> None:
    assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("line", sorted({line for _, line in mentioned(COMMAND)}))
def test_a_command_that_is_named_exists_with_its_options(line: str) -> None:
    words = [w for w in shlex.split(line.split("[")[0])[1:] if w]
    command, rest = get_command(app), list(words)
    while hasattr(command, "commands") and rest and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    assert rest != words, f"{line}: no such command"
    known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]} | {
        "--help"
    }
    assert {word for word in rest if word.startswith("--")} <= known, line
    for word in rest:
        if re.fullmatch(r"(hanoi|move)(-\w+)?", word) and "N" not in word and "ABC" not in word:
            assert tasks.find(word).name == word


def test_some_commands_are_named() -> None:
    assert len(mentioned(COMMAND)) > 10


def test_ci_runs_what_the_readme_says() -> None:
    readme = (ROOT / "README.md").read_text()
    first, second = re.findall(r"^ {4}(pip install [^#\n]*?) +#", readme, re.MULTILINE)
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert first in script
    assert second in script


def test_help_is_there_for_every_command() -> None:
    for name in get_command(app).commands:  # type: ignore[attr-defined]
        result = CliRunner().invoke(app, [name, "--help"])
        assert result.exit_code == 0, result.output
        assert "Usage" in result.output


def every_command(command: Any) -> Iterator[Any]:
    inner = getattr(command, "commands", {})
    return chain.from_iterable(map(every_command, inner.values())) if inner else iter([command])


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md"])
def test_each_command_takes_json_as_the_pages_say(page: str) -> None:
    assert "Each command takes `--json`" in " ".join((ROOT / page).read_text().split())
    commands = list(every_command(get_command(app)))
    assert len(commands) >= 5
    without = [c.name for c in commands if not any("--json" in parameter.opts for parameter in c.params)]
    assert without == []
