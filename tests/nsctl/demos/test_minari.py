"""What is written is read back, by us and by Minari itself."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from shown import same, shown, write

from nsctl.demos.minari_file import gather, part_path, write_part
from nsctl.demos.minari_metadata import dataset_id
from nsctl.demos.source import open_source
from nsctl.errors import NsctlError

pytest.importorskip("h5py", reason="demonstrations need the extra nsctl[demos]")


@pytest.mark.parametrize("cameras", [(), ("front", "wrist")])
@pytest.mark.parametrize("bodies", [0, 3])
def test_a_demonstration_survives_the_disk(cameras: tuple[str, ...], bodies: int, tmp_path: Path) -> None:
    kept = [shown(number, 20 + 30 * number, cameras, bodies) for number in range(3)]
    source = open_source(write(tmp_path / "tidy-v3", kept))
    assert list(source.lengths) == [20, 50, 80]
    assert (source.about.cameras, source.about.bodies, source.about.fps) == (cameras, kept[0].heading.bodies, 20)
    for index, one in enumerate(kept):
        same(source.episode(index), one)


def test_a_span_is_a_part_of_the_episode(tmp_path: Path) -> None:
    one = shown(4, 100)
    source = open_source(write(tmp_path / "tidy-v0", [shown(1), one]))
    span = source.span(1, 30, 45, ("wrist",), ahead=5)
    np.testing.assert_array_equal(span.proprio, one.proprio[30:45])
    np.testing.assert_array_equal(span.objects, one.objects[30:45])
    np.testing.assert_array_equal(span.actions, one.actions[30:50])
    np.testing.assert_array_equal(span.images["wrist"], one.images["wrist"][30:45])
    assert set(span.images) == {"wrist"}
    assert span.subgoals == one.subgoals[30:45]
    assert len(source.span(1, 90, 100, (), ahead=5).actions) == 10


def test_a_source_goes_to_other_processes(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "tidy-v0", [shown(1)]))
    source.episode(0)
    same(pickle.loads(pickle.dumps(source)).episode(0), shown(1))
    source.close()
    same(source.episode(0), shown(1))


def test_gathering_numbers_the_episodes_anew(tmp_path: Path) -> None:
    for number in (9, 4):
        write_part(tmp_path, shown(number))
    target = tmp_path / "main_data.hdf5"
    gather(target, [(part_path(tmp_path, number), "part") for number in (4, 9)])
    gather(target, [(target, "episode_1"), (target, "episode_0")])
    import h5py

    with h5py.File(target) as file:
        found = {name: (int(g.attrs["id"]), int(g.attrs["episode"])) for name, g in file.items()}
    assert found == {"episode_0": (0, 9), "episode_1": (1, 4)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000004.hdf5", "000009.hdf5", "main_data.hdf5"]


def test_an_episode_that_is_counted_but_not_there_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "tidy-v0", [shown(1)])
    path = folder / "data" / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"total_episodes": 2}))
    with pytest.raises(NsctlError, match=r"lacks episode_1, which metadata\.json counts: it is damaged"):
        open_source(folder)


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NsctlError, match="has no demonstrations: neither"):
        open_source(tmp_path)
    folder = write(tmp_path / "tidy-v0", [shown(1)])
    (folder / "data" / "main_data.hdf5").write_bytes(b"not HDF5")
    with pytest.raises(NsctlError, match=r"main_data\.hdf5 cannot be read"):
        open_source(folder)
    metadata = folder / "data" / "metadata.json"
    metadata.write_text('{"total_episodes": 1}')
    with pytest.raises(NsctlError, match="is a dataset of somebody else's: only what `nsctl demos` wrote is read"):
        open_source(folder)
    (folder / "data" / "metadata.json").write_text("{")
    with pytest.raises(NsctlError, match=r"metadata\.json is damaged"):
        open_source(folder)


@pytest.mark.parametrize(
    ("name", "found"), [("a-v1", "a-v1"), ("a_b-c-v12", "a_b-c-v12"), ("a.b-v1", "x"), ("v1", "x")]
)
def test_a_folder_names_its_dataset_if_minari_can_find_it_so(name: str, found: str, tmp_path: Path) -> None:
    assert dataset_id(tmp_path / name, "x") == found


def test_minari_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minari = pytest.importorskip("minari")
    kept = [shown(number, 20 + number) for number in range(12)]
    write(tmp_path / "tidy-v3", kept)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = minari.load_dataset("tidy-v3")
    assert (dataset.total_episodes, dataset.total_steps) == (12, sum(map(len, kept)))
    assert set(dataset.observation_space.spaces) == {"proprio", "objects", "images"}
    assert dataset.action_space.shape == (7,)
    for one, theirs in zip(kept, dataset.iterate_episodes(), strict=True):
        np.testing.assert_array_equal(theirs.observations["proprio"], one.proprio)
        np.testing.assert_array_equal(theirs.observations["images"]["wrist"], one.images["wrist"])
        np.testing.assert_array_equal(theirs.actions, one.actions)
        assert (theirs.rewards.sum(), theirs.terminations.sum(), theirs.truncations.sum()) == (1, 1, 0)
        assert tuple(text.decode() for text in theirs.infos["subgoal"][:-1]) == one.subgoals
    about = next(iter(dataset.storage.get_episode_metadata([11])))
    assert (about["instruction"], about["seed"]) == (kept[11].heading.instruction, 7)
    assert json.loads(about["operators"]) == list(kept[11].heading.operators)
