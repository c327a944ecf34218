"""Some episodes of a run as bars of skill executions, one below the other on one scale of control steps.

A bar is a list in words, so that it reads without eyes and without scripts; its look comes from the style sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from energy.board.figures import plural
from energy.board.markup import Html, joined, tag
from nsctl.records import EpisodeRecord

TONES: Final = 6
"""Tones of operators in the style sheet."""


def chosen(episodes: Sequence[EpisodeRecord], most: int) -> list[EpisodeRecord]:
    """At most so many episodes that tell something: failures by distinct reasons, the most eventful, a plain success."""
    reasons: dict[str, EpisodeRecord] = {}
    for episode in episodes:
        if not episode.success_at_end:
            reasons.setdefault(episode.outcome.reason, episode)
    won = [episode for episode in episodes if episode.success_at_end]
    eventful = sorted(won, key=lambda e: (-(e.replans + e.retries + len(e.disturbances)), e.index))
    plain = sorted(won, key=lambda e: (e.replans + e.retries + len(e.disturbances), e.index))
    wanted = [*list(reasons.values())[:2], *eventful[:1], *plain[:1], *reasons.values(), *eventful]
    found = {episode.index: episode for episode in reversed(wanted)}
    first = list(dict.fromkeys(episode.index for episode in wanted))[:most]
    return [found[index] for index in sorted(first)]


def timelines(episodes: Sequence[EpisodeRecord]) -> Html:
    """A figure for each of these episodes."""
    longest = max((episode.steps for episode in episodes), default=0) or 1
    operators = sorted({_operator(skill) for episode in episodes for skill in episode.skills})
    return joined(_timeline(episode, longest, operators) for episode in episodes)


def _timeline(episode: EpisodeRecord, longest: int, operators: Sequence[str]) -> Html:
    caption = tag("figcaption", tag("b", f"Episode {episode.index}"), " ", _account(episode))
    bars = [_bar(skill, operators) for skill in episode.skills]
    rest = episode.steps - sum(_steps(skill) for skill in episode.skills)
    if rest > 0:
        told = "no skill at work, in all" if bars else "no skills: the agent chose each control step"
        bars.append(_segment(rest, told, f"{plural(rest, 'control step')}: {told}", "rest"))
    line = tag("ol", *bars, class_="line")
    marks = tag("ul", *(_mark(event, episode.steps or 1) for event in episode.disturbances), class_="marks")
    width = f"--width:{100 * episode.steps / longest:.1f}%"
    return tag(
        "figure",
        caption,
        tag("div", line, marks if episode.disturbances else "", class_="track", style=width),
        class_="timeline",
    )


def _account(episode: EpisodeRecord) -> Html:
    parts = [plural(episode.steps, "control step")]
    if episode.plan_length is not None:
        parts.append(f"plan of {plural(episode.plan_length, 'step')}")
    counts = {"replan": episode.replans, "retry": episode.retries, "repeated look": episode.looks}
    for noun, count in counts.items():
        if count:
            parts.append(f"{count} retries" if noun == "retry" and count > 1 else plural(count, noun))
    if episode.disturbances:
        parts.append(plural(len(episode.disturbances), "disturbance"))
    reason = f": {episode.outcome.reason}" if episode.outcome.reason else ""
    outcome = tag("span", episode.outcome.status.replace("_", " "), class_=f"outcome {episode.outcome.status}")
    return joined([outcome, f"{reason}; " if reason else "; ", ", ".join(parts)])


def _bar(skill: Any, operators: Sequence[str]) -> Html:
    step, steps = str(skill.get("step", "?")), _steps(skill)
    failed = skill.get("status") != "succeeded"
    ending = f"{skill.get('status', '?')}{': ' + str(skill['reason']) if skill.get('reason') else ''}"
    kind = "failed" if failed else f"tone{operators.index(_operator(skill)) % TONES}"
    return _segment(steps, f"{step} {ending}" if failed else step, f"{step}, {plural(steps, 'step')}, {ending}", kind)


def _segment(steps: int, words: str, tip: str, kind: str) -> Html:
    return tag("li", words, class_=kind, style=f"--n:{max(steps, 1)}", title=tip)


def _mark(event: Any, steps: int) -> Html:
    when = event.get("step")
    place = 100 * min(when / steps, 1.0) if isinstance(when, int) else 0.0
    what = " ".join(str(event[key]) for key in ("kind", "deed", "body") if key in event)
    return tag(
        "li",
        tag("span", f"step {when}: {what}", class_="unseen"),
        style=f"--at:{place:.1f}%",
        title=f"disturbed at step {when}: {what}",
    )


def _operator(skill: Any) -> str:
    return str(skill.get("step", "?")).partition("(")[0]


def _steps(skill: Any) -> int:
    steps = skill.get("steps")
    return steps if isinstance(steps, int) and steps > 0 else 0
