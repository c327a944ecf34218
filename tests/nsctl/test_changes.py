"""What has changed between two runs is named as people would name it."""

from __future__ import annotations

from samples import make_run

from nsctl.changes import changes
from nsctl.records import HardwareRecord


def test_nothing_has_changed_between_a_run_and_itself() -> None:
    assert changes(make_run(), make_run(id="s", started="2027-01-01T00:00:00+00:00")) == {}


def test_every_part_of_a_run_that_decides_an_episode_is_compared() -> None:
    before = make_run(agent={"skills": {"pick": {"kind": "old"}, "place": {"kind": "same"}}}, world={"timestep": 0.1})
    now = make_run(
        episodes=4,
        agent={"skills": {"pick": {"kind": "new"}, "place": {"kind": "same"}, "push": {}}},
        versions={"python": "3.12"},
        code="else",
        hardware=HardwareRecord(cpu="Z80", cores=1, memory_bytes=None, gpu=None),
    )
    assert changes(before, now) == {
        "config episodes": (3, 4),
        "versions python": ("3.11", "3.12"),
        "agent skills.pick.kind": ("old", "new"),
        "world timestep": (0.1, None),
        "code": ("c0de", "else"),
        "hardware cpu": (None, "Z80"),
    }
