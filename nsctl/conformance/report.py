"""The nouns of an examination: single checks, a list of them, a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nsctl.registry import Part


class Failed(Exception):
    """A check does not hold; the text is one plain sentence that says what would be right."""


@dataclass(frozen=True)
class Check:
    """One question, whether the answer is good, and the answer in one sentence."""

    name: str
    ok: bool
    sentence: str


@dataclass
class Checklist:
    """Checks in the order in which they were made."""

    checks: list[Check] = field(default_factory=list)

    def check(self, name: str, probe: Callable[[], str]) -> bool:
        """Note what ``probe`` finds: its sentence, or why it failed. Whatever it raises ends here."""
        try:
            found = Check(name, True, probe())
        except Failed as failure:
            found = Check(name, False, str(failure))
        except (Exception, SystemExit) as error:  # a stranger's part may raise anything at all
            found = Check(name, False, f"It raised {type(error).__name__}: {error}")
        self.checks.append(found)
        return found.ok


@dataclass(frozen=True)
class Report:
    """What came of the examination of a part."""

    part: Part
    checks: tuple[Check, ...]
    licence: str
    """As the part's distribution states it."""
    sha256: str | None
    """Of what the part says of itself, as JSON with sorted keys; ``None`` if it says nothing that can be read."""

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    @property
    def verdict(self) -> str:
        """One line for people."""
        failed = [check.name for check in self.checks if not check.ok]
        if not failed:
            return (
                f"{self.part.name} does all that is asked of it: {len(self.checks)} of {len(self.checks)} checks hold."
            )
        return (
            f"{self.part.name} is not ready: {len(failed)} of {len(self.checks)} checks FAILED ({', '.join(failed)}). "
            "Begin with the first of them; later ones may follow from it."
        )


def require(condition: bool, sentence: str) -> None:
    """Fail with ``sentence`` unless ``condition`` holds."""
    if not condition:
        raise Failed(sentence)


def require_members(made: object, names: tuple[str, ...], contract: str) -> None:
    """Fail if ``made`` lacks one of these attributes of its contract."""
    lacking = [name for name in names if not hasattr(made, name)]
    require(not lacking, f"It lacks {', '.join(lacking)}: see nsctl.contracts.{contract}.")
