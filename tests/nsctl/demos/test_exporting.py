"""There and back again: nothing is lost between Minari and LeRobot."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from shown import same, shown, write

from nsctl.demos.exporting import export
from nsctl.demos.lerobot_stats import episode_stats, together
from nsctl.demos.source import open_source
from nsctl.demos.stream import Steps
from nsctl.errors import NsctlError, UnknownName

pytest.importorskip("h5py", reason="demonstrations need the extra nsctl[demos]")
parquet = pytest.importorskip("pyarrow.parquet", reason="LeRobot datasets need the extra nsctl[lerobot]")
KEPT = [shown(number, steps) for number, steps in enumerate((40, 25, 64))]


@pytest.fixture(scope="module")
def minari(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("demos") / "tidy-v0", KEPT)


@pytest.fixture(scope="module")
def lerobot(minari: Path) -> Path:
    heard: list[tuple[int, int]] = []
    export(minari, "lerobot", minari.with_name("lerobot"), lambda *told: heard.append(told))
    assert heard == [(1, 3), (2, 3), (3, 3)]
    return minari.with_name("lerobot")


def test_there_and_back_nothing_is_lost(lerobot: Path, tmp_path: Path) -> None:
    there, back = open_source(lerobot), export(lerobot, "minari", tmp_path / "again-v2")
    for index, one in enumerate(KEPT):
        same(there.episode(index), one)
        same(back.episode(index), one)
    assert (there.about.format, back.about.format) == ("lerobot", "minari")
    assert there.about.cameras == back.about.cameras == ("front", "wrist")
    assert there.about.task == back.about.task == "tidy-1"


def test_it_streams_the_same(minari: Path, lerobot: Path) -> None:
    pairs = zip(Steps(open_source(minari), chunk=3), Steps(open_source(lerobot), chunk=3), strict=True)
    for one, other in pairs:
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_the_layout_is_that_of_version_3(lerobot: Path) -> None:
    info = json.loads((lerobot / "meta/info.json").read_text())
    steps = sum(map(len, KEPT))
    assert (info["codebase_version"], info["fps"]) == ("v3.0", 20)
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (3, steps, 2)
    table = parquet.read_table(lerobot / info["data_path"].format(chunk_index=0, file_index=0))
    assert set(table.column_names) == set(info["features"])
    assert table["index"].to_pylist() == list(range(steps))
    assert table["frame_index"].to_pylist() == [t for one in KEPT for t in range(len(one))]
    assert table["next.done"].to_pylist().count(True) == 3
    times = np.array(table["timestamp"].to_pylist(), dtype=np.float32)
    np.testing.assert_array_equal(times, np.float32([t / 20 for one in KEPT for t in range(len(one))]))
    rows = parquet.read_table(lerobot / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [(r["dataset_from_index"], r["dataset_to_index"]) for r in rows] == [(0, 40), (40, 65), (65, 129)]
    assert [r["tasks"] for r in rows] == [[one.heading.instruction] for one in KEPT]
    for name in ("tasks", "subtasks"):
        assert parquet.read_schema(lerobot / f"meta/{name}.parquet").pandas_metadata["index_columns"] == [name[:-1]]
    assert set(json.loads((lerobot / "meta/stats.json").read_text())) == set(info["features"])


def test_a_full_file_is_followed_by_the_next(minari: Path, tmp_path: Path) -> None:
    from nsctl.demos.lerobot_writer import LeRobotWriter

    writer = LeRobotWriter(tmp_path, open_source(minari).about, data_mb=0.001)
    for one in KEPT:
        writer.add(one)
    writer.close()
    assert len(list((tmp_path / "data" / "chunk-000").iterdir())) == 3
    source = pickle.loads(pickle.dumps(open_source(tmp_path)))
    for index in (2, 0, 1):
        same(source.episode(index), KEPT[index])


def test_statistics_of_the_parts_give_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(i, 1 + i, (20 + i, 4)) for i in range(5)]
    found, whole = together(episode_stats({"x": part}) for part in parts)["x"], np.concatenate(parts)
    for name, right in (("min", whole.min(0)), ("max", whole.max(0)), ("mean", whole.mean(0)), ("std", whole.std(0))):
        np.testing.assert_allclose(found[name], right, rtol=1e-12, err_msg=name)
    assert found["count"] == [len(whole)]


def test_statistics_of_pictures_are_of_colours() -> None:
    film = np.zeros((30, 8, 8, 3), np.uint8)
    film[..., 1] = 255
    found = episode_stats({"film": film})["film"]
    assert found["mean"].shape == (3, 1, 1)
    np.testing.assert_array_equal(found["mean"].ravel(), [0.0, 1.0, 0.0])


def test_what_cannot_be_done_is_told(minari: Path, lerobot: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no format of demonstrations is called 'lerobo'\. Did you mean 'lerobot'\?"):
        export(minari, "lerobo", tmp_path / "x")
    with pytest.raises(NsctlError, match="is not empty: name a new folder with --out"):
        export(minari, "lerobot", lerobot)
    (tmp_path / "file").touch()
    with pytest.raises(NsctlError, match=r"no dataset can be written to .*file: "):
        export(minari, "lerobot", tmp_path / "file")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"codebase_version": "v2.1"}, "is a LeRobot dataset v2.1, and only v3.0 is read"),
        ({"features": {"observation.images.top": {"dtype": "video"}}}, "keeps observation.images.top as video"),
        ({"features": {}}, "lacks observation.state, action, subtask_index"),
    ],
)
def test_what_others_wrote_is_refused_in_a_sentence(
    lerobot: Path, tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    info = json.loads((lerobot / "meta/info.json").read_text())
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/info.json").write_text(json.dumps(info | change))
    with pytest.raises(NsctlError, match=complaint):
        open_source(tmp_path)


def test_what_fails_leaves_nothing(minari: Path, tmp_path: Path) -> None:
    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(minari, "lerobot", tmp_path / "x", stop)
    assert not (tmp_path / "x").exists()
