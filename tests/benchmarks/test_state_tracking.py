"""State tracking, the script: rows are what they claim, rules take away what they name, a stopped run goes on."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import state_tracking as script  # noqa: E402
import state_tracking_fused as fused  # noqa: E402
import state_tracking_models as models  # noqa: E402
import state_tracking_report as report  # noqa: E402
import state_tracking_tasks as tasks  # noqa: E402

from policies.mamba3.config import Mamba3Config, StackConfig  # noqa: E402

SIGNS = {tasks.ADD: "+", tasks.SUBTRACT: "-", tasks.TIMES: "*", tasks.EQUALS: "=", tasks.OPEN: "(", tasks.CLOSE: ")"}
WORDS = {0: "", **{digit + 1: str(digit) for digit in range(tasks.MODULUS)}, **SIGNS}
SMALL = StackConfig(1, Mamba3Config(8, 8, 8), vocabulary=3)


def rows(name: str, count: int = 400, least: int = 2, most: int = 41) -> tasks.Rows:
    return tasks.TASKS[name].rows(count, least, most, most, torch.Generator().manual_seed(0))


def texts(drawn: tasks.Rows) -> list[str]:
    return ["".join(WORDS[int(token)] for token in row) for row in drawn.tokens]


@pytest.mark.parametrize("name", ["arithmetic", "brackets"])
def test_python_computes_the_same_answers(name: str) -> None:
    drawn = rows(name)
    found = [eval(text.removesuffix("=")) % tasks.MODULUS for text in texts(drawn)]
    assert drawn.answers.tolist() == found
    assert min(torch.bincount(drawn.answers, minlength=tasks.MODULUS)) > 40


@pytest.mark.parametrize("name", ["arithmetic", "brackets"])
def test_a_row_ends_where_its_length_says(name: str) -> None:
    drawn = rows(name)
    assert [len(text) for text in texts(drawn)] == drawn.lengths.tolist()
    assert all(text.index("=") == len(text) - 1 for text in texts(drawn))
    assert max(drawn.lengths) >= 40 > 4 >= min(drawn.lengths)
    assert drawn.lengths.tolist() == sorted(drawn.lengths.tolist())


def test_multiplication_goes_first_somewhere() -> None:
    """Else folding from the left alone would pass for the answer."""
    without = [text for text in texts(rows("arithmetic")) if "*" in text]

    def from_the_left(text: str) -> int:
        value = int(text[0])
        for sign, digit in zip(text[1:-1:2], text[2:-1:2], strict=True):
            value = eval(f"{value} {sign} {digit}")
        return value % tasks.MODULUS

    assert any(from_the_left(text) != eval(text[:-1]) % tasks.MODULUS for text in without)


def test_parity_counts_the_bits_before_the_question() -> None:
    drawn = rows("parity")
    ones = (drawn.tokens == 2).sum(1)
    bits = (drawn.tokens > 0).sum(1)
    assert torch.equal(ones % 2, drawn.answers)
    assert torch.equal(bits, drawn.lengths - 1)
    assert not any(row[length - 1 :].any() for row, length in zip(drawn.tokens, drawn.lengths, strict=True))


def test_accuracy_is_scaled_between_chance_and_all() -> None:
    assert tasks.scaled(0.5, 2) == tasks.scaled(0.2, 5) == 0
    assert tasks.scaled(1, 2) == tasks.scaled(1, 5) == 1


@pytest.mark.parametrize(("rule", "turns", "trapezoid"), [("full", 1, 1), ("no-rotation", 0, 1), ("mamba-2", 0, 0)])
def test_a_rule_takes_away_what_it_names(rule: str, turns: bool, trapezoid: bool) -> None:
    model = models.build(models.Member(rule, 1e-3, 0, 0.1), SMALL, 2)
    block: Any = model.stack.layers[0].mixer
    drive, _ = block._drive(torch.randn(2, 5, 8))
    assert bool((drive.turn != 0).any()) == turns
    assert bool((drive.trapezoid != 1).any()) == trapezoid


def test_members_do_not_see_each_other() -> None:
    def trained(members: list[models.Member]) -> models.Ensemble:
        ensemble = models.Ensemble(members, SMALL, 2, 0.1, 10, "cpu")
        drawn = rows("parity", 1, 9, 9)
        for _ in range(3):
            ensemble.train(drawn, 4)  # one row to choose from, so all see the same
        return ensemble

    one, other = models.Member("full", 1e-2, 0, 0.1), models.Member("mamba-2", 1e-1, 1, 1.0)
    alone, pair = trained([one]), trained([other, one])
    for name, weight in alone.weights.items():
        torch.testing.assert_close(weight[0], pair.weights[name][1], rtol=1e-5, atol=1e-6)
        assert not torch.equal(pair.weights[name][0], pair.weights[name][1])


def test_only_who_is_good_gets_longer_rows() -> None:
    ensemble = models.Ensemble([models.Member("full", 1e-2, s, 0.1) for s in range(2)], SMALL, 2, 0.0, 10, "cpu")
    for _ in range(9):
        ensemble.grow(12, [0.99, 0.5], good=0.95, bad=0.3)
    assert ensemble.limits.tolist() == [12, models.START]
    ensemble.grow(12, [0.2, 0.2], good=0.95, bad=0.3)
    assert ensemble.limits.tolist() == [9, models.START]


def test_a_model_that_is_ahead_ends_a_stage_for_the_fused_ones_only() -> None:
    plain, quick = (kind(PAIR, *TINY, 0.1, 400, "cpu") for kind in (models.Ensemble, fused.Fused))
    for ensemble in (plain, quick):
        ensemble.limits[1] = 32
    assert script.ahead(quick, 32, [32, 64])
    assert not script.ahead(quick, 64, [32, 64])
    assert not script.ahead(quick, 33, [33, 64])
    assert not script.ahead(plain, 32, [32, 64])


def test_the_picture_takes_the_best_median_of_all_runs_of_a_task() -> None:
    def run(*right: float) -> dict[str, Any]:
        members = [models.Member("full", rate, seed, 1.0).told() for rate in (1e-3, 2e-3) for seed in (0, 1, 2)]
        return {"members": members, "curve": {"256": right}}

    first, second = run(0, 0.5, 1, 0.6, 0.6, 0.6), run(1, 1, 0, 0.9, 0, 0)
    assert report.best([first, second])["full"] == (second, report.Group("full", 1e-3, 1.0, (0, 1, 2)))
    assert report.best([first])["full"][1].rate == 2e-3


PAIR = [models.Member("full", 1e-2, 0, 1.0), models.Member("full", 3e-2, 1, 1.0)]
TINY = StackConfig(1, Mamba3Config(8, 8, 8), 8, vocabulary=3), 2


def one_row(width: int) -> tasks.Rows:
    """Of 20 tokens, and all that there is to choose from: 19 ones and zeros."""
    bits = torch.arange(width) % 3 % 2 + 1
    return tasks.Rows((bits * (torch.arange(width) < 19))[None], torch.tensor([20]), torch.tensor([0]))


@pytest.mark.skipif(find_spec("triton") is None, reason="the fused kernels need Triton")
def test_fused_models_have_the_losses_and_slopes_of_the_ensemble() -> None:
    plain, quick = models.Ensemble(PAIR, *TINY, 0.1, 400, "cpu"), fused.Fused(PAIR, *TINY, 0.1, 400, "cpu")
    drawn = rows("parity", 4, 2, 21)
    loss, right = plain.losses(*(part.expand(2, *part.shape) for part in vars(drawn).values()))
    slopes = torch.autograd.grad(loss.sum(), list(plain.weights.values()))
    for i, single in enumerate(quick.singles):
        its_loss, its_right = single.losses(*vars(drawn).values())
        torch.testing.assert_close(its_loss, loss[i], rtol=1e-5, atol=1e-6)
        assert its_right == right[i]
        expected = torch.cat([slope[i].flatten() for slope in slopes])
        assert (single.slopes(its_loss) - expected).norm() < 1e-5 * expected.norm()
        assert expected.norm() > 0.1


@pytest.mark.skipif(find_spec("triton") is None, reason="the fused kernels need Triton")
def test_fused_models_take_the_steps_of_the_ensemble() -> None:
    """The fused ones read as many tokens as a chunk has."""
    plain, quick = models.Ensemble(PAIR, *TINY, 0.1, 400, "cpu"), fused.Fused(PAIR, *TINY, 0.1, 400, "cpu")
    for ensemble in (plain, quick):
        ensemble.limits.fill_(20)
        ensemble.brake.fill_(0.5)
        step = ensemble.stepper(one_row(ensemble.room(20)), 1)
        step()
        step()
    for i, single in enumerate(quick.singles):
        expected = torch.cat([weight[i].flatten() for weight in plain.weights.values()])
        before = torch.cat([weight.flatten() for weight in models.build(PAIR[i], *TINY).parameters()])
        moved = (expected - before).norm()
        assert (single.weights - expected).norm() < 1e-3 * moved
        assert moved > 0
    assert quick.look(2)[0] == pytest.approx(plain.look(2)[0], rel=1e-5)


@pytest.mark.skipif(find_spec("triton") is None, reason="the fused kernels need Triton")
def test_fused_models_answer_as_the_ensemble_does() -> None:
    """The padding up to a whole chunk changes nothing; rows are drawn from it, so one kind of row is the task here."""
    task = tasks.Task("one row", 3, 2, 2, lambda lengths, width, generator: one_row(width))
    found = [kind(PAIR, *TINY, 0.1, 400, "cpu").accuracy(task, 20, 1, 0, 1) for kind in (models.Ensemble, fused.Fused)]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--rules full", "--fused: "),
        ("--rules full mamba-2", "--fused: they know the full rule only, not full mamba-2"),
    ],
)
def test_the_fused_kernels_are_refused_where_they_cannot_be(options: str, message: str, tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "state_tracking.py"), "--cpu", "--fused", "--out", str(tmp_path)]
    clean = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run([*command, *options.split()], check=False, capture_output=True, text=True, env=clean)
    assert done.returncode == 1
    assert message in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--every 150", "--every must be a multiple of 100, got 150"),
        ("--stages 4 8 --steps 500", "--stages and --steps must be as many, got 2 and 1"),
        ("--timed", "--timed needs --seconds and a --cool-down in 0..1, got inf and 0.3"),
        ("--stages 4 --steps 50", "--steps must add up to a multiple of --every = 500, got 50"),
    ],
)
def test_settings_that_would_end_in_a_crash_are_refused(options: str, message: str, tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / "state_tracking.py"), "--cpu", "--out", str(tmp_path), *options.split()]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert message in done.stderr


def test_the_script_goes_on_where_it_stopped(tmp_path: Path) -> None:
    sizes = (
        "--rates 1e-2 --seeds 0 --width 8 --state 8 --head 8 --batch 8 --stages 4 --steps 200 --every 100 --pool 256"
    )
    command = [sys.executable, str(FOLDER / "state_tracking.py"), "--cpu", "--rules", "full", *shlex.split(sizes)]
    command += ["--lengths", "8", "--count", "64", "--at-once", "64"]
    subprocess.run([*command, "--seconds", "0", "--out", str(tmp_path / "a")], check=True, capture_output=True)
    subprocess.run(
        [*command, "--resume", str(tmp_path / "a"), "--out", str(tmp_path / "b")], check=True, capture_output=True
    )
    stopped, whole = (json.loads((tmp_path / name / "result.json").read_text()) for name in "ab")
    assert [[entry["step"] for entry in told["history"]] for told in (stopped, whole)] == [[100], [100, 200]]
    assert whole["history"][0] == stopped["history"][0]
    assert set(whole["curve"]) == {"8"}
    other = [*command, "--seeds", "1", "2", "--resume", str(tmp_path / "a"), "--out", str(tmp_path / "c")]
    done = subprocess.run(other, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "holds other models, or fused ones: see --fused" in done.stderr


def test_the_learning_rate_ends_with_the_time(tmp_path: Path) -> None:
    """A second is over before the steps are."""
    sizes = (
        "--rates 1e-2 --seeds 0 --width 8 --state 8 --head 8 --batch 8 --stages 4 --steps 99000 --every 1000 --pool 256"
    )
    command = [sys.executable, str(FOLDER / "state_tracking.py"), "--cpu", "--rules", "full", *shlex.split(sizes)]
    command += [
        "--timed",
        "--seconds",
        "1",
        "--lengths",
        "8",
        "--count",
        "64",
        "--at-once",
        "64",
        "--out",
        str(tmp_path),
    ]
    subprocess.run(command, check=True, capture_output=True)
    last = json.loads((tmp_path / "result.json").read_text())["history"][-1]
    assert 1 <= last["seconds"] < 60
    assert last["step"] % 100 == 0
    assert last["brake"] == 0
