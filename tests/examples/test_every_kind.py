"""What ``nsctl new`` writes installs, is found at once and passes its own test untouched."""

from __future__ import annotations

import json

import pytest
from workshop import Workshop

from nsctl.scaffold import KINDS


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop.found(tmp_path_factory.mktemp("every-kind"))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_found_and_passes(kind: str, bench: Workshop) -> None:
    written = json.loads(bench.type(f"nsctl new {kind} my_{kind} --json"))
    bench.type(f"pip install --quiet -e my_{kind}")
    listed = json.loads(bench.type(f"nsctl parts list {KINDS[kind].group} --json"))["parts"]
    (found,) = (part for part in listed if part["name"] == f"my_{kind}")
    assert (found["distribution"], found["version"]) == (f"my-{kind}", "0.1.0")
    assert "2 passed" in bench.type(f"pytest -q -p no:cacheprovider my_{kind}")
    assert written["commands"][1] == f"nsctl parts check my_{kind}"


def test_its_test_can_fail(bench: Workshop) -> None:
    bench.type("nsctl new skill my_broken --json")
    code = bench.folder / "my_broken" / "src" / "my_broken" / "skill.py"
    code.write_text(code.read_text().replace('operator = "pick"', 'operator = "pikc"'))
    bench.type("pip install --quiet -e my_broken")
    assert "1 failed, 1 passed" in bench.type("pytest -q -p no:cacheprovider my_broken", expect=1)
