"""The policy that docs/mamba3.md writes out trains and plays, and its table of sizes is right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from policies.mamba3.backends import IMPLEMENTATIONS
from policies.mamba3.sizes import PAPER, POLICIES, stack_size
from policies.mamba3.stack import Mamba3Language, Mamba3Stack

PAGE = (Path(__file__).parents[2] / "docs" / "mamba3.md").read_text()


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the page's code has made, read from top to bottom."""
    names: dict[str, Any] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(code, "docs/mamba3.md", "exec"), names)
    torch.set_num_threads(threads)
    return names


def test_what_is_played_is_what_was_trained(names: dict[str, Any]) -> None:
    whole = names["head"](names["stack"](names["embed"](names["seen"])))
    torch.testing.assert_close(names["played"], whole.detach(), rtol=1e-4, atol=1e-5)


def test_the_backend_is_one_that_there_is(names: dict[str, Any]) -> None:
    assert {layer.mixer.backend for layer in names["stack"].layers} == {names["report"].fastest}
    assert names["report"].fastest in IMPLEMENTATIONS
    assert all(f"`{name}`" in PAGE for name in IMPLEMENTATIONS)


def test_the_table_of_sizes_is_right() -> None:
    rows = re.findall(
        r"^\| `([\w.]+)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+|–) \| ([\d.]+) ([MG]) \|$", PAGE, re.MULTILINE
    )
    assert [row[0] for row in rows] == [*POLICIES, *PAPER]
    for name, *numbers, mlp, count, unit in rows:
        c = stack_size(name)
        assert [int(n) for n in numbers] == [c.layers, c.block.d_model, c.block.d_state, c.block.head_dim]
        assert mlp == (str(c.mlp) if c.mlp else "–")
        with torch.device("meta"):
            model = (Mamba3Language if c.vocabulary else Mamba3Stack)(c)
        parameters = sum(p.numel() for p in model.parameters()) / {"M": 1e6, "G": 1e9}[unit]
        assert parameters == pytest.approx(float(count), rel=0.02)
