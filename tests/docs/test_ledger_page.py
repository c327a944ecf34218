"""docs/ledger.md says of our agents what they say of themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nsctl import registry
from nsctl.errors import NsctlError
from nsctl.ledger import ITEMS, entries

PAGE = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text()
ROW = re.compile(r"^\| `([\w-]+)` \|(.*)\|$", re.MULTILINE)
TOLD = {name: [cell.strip() for cell in cells.split(" | ")] for name, cells in ROW.findall(PAGE)}
OURS = [name for name, part in registry.parts("agents").items() if part.distribution == "nsctl"]


@pytest.mark.parametrize("name", OURS)
def test_the_page_says_of_an_agent_what_it_says_itself(name: str) -> None:
    try:
        told = entries(registry.load("agents", name)().describe())
    except NsctlError as error:  # its weights are not shipped
        pytest.skip(str(error))
    assert TOLD[name] == [told[item] or "–" for item in ITEMS], f"docs/ledger.md must say of {name}: {told}"


def test_the_page_explains_every_item_in_the_codes_words() -> None:
    assert {
        item: cells[0].partition(";")[0].partition(" (")[0] for item, cells in TOLD.items() if item in ITEMS
    } == dict(ITEMS)
    heads = next(line for line in PAGE.splitlines() if line.startswith("| agent | "))
    assert [cell.strip() for cell in heads.strip("|").split("|")] == ["agent", *ITEMS]
