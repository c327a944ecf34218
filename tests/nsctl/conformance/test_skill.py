"""Each check of a skill finds the fault that it is for, and no other check does."""

from __future__ import annotations

import bad_skills
import pytest

from nsctl.conformance import Report, examine
from nsctl.registry import Part

EARLY = {"contract", "describes itself", "operator", "plays"}


def report(name: str, trials: int = 2) -> Report:
    return examine(Part("skills", name.lower(), f"bad_skills:{name}", "none", "0"), trials, ["hanoi-1", "move"])


def failed(name: str) -> dict[str, str]:
    return {check.name: check.sentence for check in report(name).checks if not check.ok}


def test_a_good_one_passes_them_all() -> None:
    done = report("Good")
    assert done.ok
    assert [check.name for check in done.checks] == [
        "can be made", "contract", "describes itself", "operator", "plays", "actions", "status", "over is over",
        "repeats itself", "keeps apart", "effects", "honest",
    ]  # fmt: skip
    assert done.verdict == "good does all that is asked of it: 12 of 12 checks hold."
    assert len(done.sha256 or "") == 64


@pytest.mark.parametrize(
    ("name", "check", "part_of_sentence"),
    [
        ("Tongue", "describes itself", "describe() gave what no record can hold"),
        ("Misnamed", "operator", "No task's domain has the operator 'pikc', and give it an action of its own: pddl."),
        ("Doubles", "actions", "An action must be float32 [7], got float64 [7]"),
        ("Wild", "actions", "An action must lie in [-1, 1]"),
        ("Restless", "over is over", "An execution that had ended acted once more"),
        ("Moody", "repeats itself", "Two executions that saw the same scenes acted differently: fix every seed."),
        ("Shared", "keeps apart", "what one remembers must lie in its Execution"),
        (
            "Liar",
            "effects",
            "had come true in 0 of 2 trials only; in episode 0 of hanoi-1, after pick(disc1, left) (succeeded)",
        ),
        ("Liar", "honest", "Of 2 executions that said that they succeeded, 0 had only: look again"),
        ("Sleeper", "status", "was still running after"),
        ("Mute", "status", "reason must say why an execution failed"),
        ("Reusing", "actions", "An action must lie in [-1, 1] (and be finite), got 2.6"),
        ("Fickle", "repeats itself", "one ended as succeeded, one as failed."),
        ("Careless", "effects", "this had changed undeclared: on(disc1, table)."),
        ("Batchy", "batch", "At control step 0 act_batch gave other actions than act."),
        ("Unending", "batch", "of act_batch status was ['running', 'running'], where act leads to ["),
        ("Exploding", "plays", "It raised SystemExit: no robot today"),
    ],
)
def test_a_fault_is_found_and_told(name: str, check: str, part_of_sentence: str) -> None:
    found = failed(name)
    assert part_of_sentence in found[check]
    if check not in EARLY and name not in ("Wild", "Liar", "Sleeper", "Mute", "Moody", "Reusing", "Careless"):
        assert list(found) == [check]


def test_what_is_missing_is_named() -> None:
    sentence = failed("Liar")["effects"]
    assert sentence.endswith(
        "this was missing: clear(left), holding(disc1), not clear(disc1), not handempty, not on(disc1, left)."
    )


def test_what_is_not_there_is_reported_and_nothing_more_is_tried() -> None:
    done = examine(Part("skills", "gone", "bad_skills:Gone", "acme", "1.2"))
    assert [(check.name, check.ok) for check in done.checks] == [("can be made", False)]
    assert "the skill 'gone' of acme 1.2 (bad_skills:Gone) could not be loaded" in done.checks[0].sentence
    assert (done.sha256, done.licence) == (None, "not stated")
    assert done.verdict == (
        "gone is not ready: 1 of 1 checks FAILED (can be made). Begin with the first of them; later ones may follow from it."
    )


def test_a_module_is_no_factory() -> None:
    done = examine(Part("skills", "module", "bad_skills", "none", "0"))
    assert "names no class and no function" in done.checks[0].sentence
    assert bad_skills.__name__ in done.checks[0].sentence
