"""An epoch is every step once, in order or mixed, with no more in memory than the buffer."""

from __future__ import annotations

from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shown import shown, write

from nsctl.demos.source import Source, open_source
from nsctl.demos.stream import BLOCK, Steps, batches, mixed
from nsctl.errors import InvalidValue, UnknownName

pytest.importorskip("h5py", reason="demonstrations need the extra nsctl[demos]")

KEPT = [shown(number, steps) for number, steps in enumerate((40, BLOCK, 1, 100))]
EVERY = [(i, t) for i, one in enumerate(KEPT) for t in range(len(one))]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return open_source(write(tmp_path_factory.mktemp("demos") / "tidy-v0", KEPT))


def places(samples: Any) -> list[tuple[int, int]]:
    return [(sample["episode"], sample["step"]) for sample in samples]


def test_in_order_an_epoch_is_every_step_once(source: Source) -> None:
    assert places(Steps(source)) == EVERY
    assert len(Steps(source)) == len(EVERY)


@pytest.mark.parametrize("buffer", [1, 10, 1000])
def test_shuffled_it_is_the_same_in_another_order(source: Source, buffer: int) -> None:
    steps = Steps(source, buffer=buffer, seed=1)
    first, second = places(steps.epoch(0)), places(steps.epoch(1))
    assert sorted(first) == sorted(second) == EVERY
    assert first != EVERY
    assert first != second
    assert places(Steps(source, buffer=buffer, seed=1).epoch(0)) == first
    assert places(Steps(source, buffer=buffer, seed=2).epoch(0)) != first


@pytest.mark.parametrize("buffer", [0, 16])
def test_shards_share_an_epoch(source: Source, buffer: int) -> None:
    parts = [places(Steps(source, buffer=buffer, shard=(i, 3))) for i in range(3)]
    assert sorted(chain(*parts)) == EVERY


def test_a_sample_is_what_the_demonstration_says(source: Source) -> None:
    for sample in Steps(source, chunk=4, buffer=8):
        one, t = KEPT[sample["episode"]], sample["step"]
        np.testing.assert_array_equal(sample["proprio"], one.proprio[t])
        np.testing.assert_array_equal(sample["objects"], one.objects[t])
        np.testing.assert_array_equal(sample["images.wrist"], one.images["wrist"][t])
        assert (sample["subgoal"], sample["instruction"]) == (one.subgoals[t], one.heading.instruction)
        ahead = np.arange(t, t + 4)
        np.testing.assert_array_equal(sample["actions"], one.actions[np.minimum(ahead, len(one) - 1)])
        np.testing.assert_array_equal(sample["valid"], ahead < len(one))


def test_cameras_are_read_only_if_wanted(source: Source) -> None:
    assert "images.front" not in next(iter(Steps(source, cameras=())))
    assert "images.wrist" not in next(iter(Steps(source, cameras=("front",))))
    with pytest.raises(UnknownName, match="no camera of the dataset is called 'top'"):
        Steps(source, cameras=("top",))


def test_a_waiting_picture_keeps_no_block_in_memory(source: Source) -> None:
    assert next(iter(Steps(source, buffer=4)))["images.front"].base is None


def test_no_more_is_read_than_the_buffer_asks_for(source: Source) -> None:
    class Counting:
        about, lengths = source.about, source.lengths
        read = 0

        def span(self, index: int, start: int, stop: int, *more: Any) -> Any:
            self.read += stop - start
            return source.span(index, start, stop, *more)

    counting = Counting()
    next(iter(Steps(counting, buffer=8)))  # type: ignore[arg-type]
    assert counting.read <= 8 + 2 * BLOCK


def test_neighbours_seldom_stay_neighbours(source: Source) -> None:
    order = places(Steps(source, buffer=64))
    together = sum(a[0] == b[0] and abs(a[1] - b[1]) == 1 for a, b in pairwise(order))
    assert together < len(order) / 10


def test_mixing_loses_nothing() -> None:
    assert sorted(mixed(range(100), 7, np.random.default_rng(0))) == list(range(100))
    assert list(mixed([], 7, np.random.default_rng(0))) == []


def test_batches_are_stacked(source: Source) -> None:
    found = list(batches(Steps(source, chunk=2), 64))
    assert sum(len(batch["step"]) for batch in found) == len(EVERY)
    assert found[0]["actions"].shape == (64, 2, 7)
    assert found[0]["images.front"].shape == (64, 8, 8, 3)
    assert found[0]["images.front"].dtype == np.uint8
    assert len(found[0]["subgoal"]) == 64
    assert all(len(batch["step"]) == 64 for batch in batches(Steps(source), 64, drop_last=True))
    with pytest.raises(InvalidValue, match="size >= 1, got 0"):
        next(batches([], 0))


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [("chunk", 0, "chunk must be >= 1"), ("buffer", -1, "buffer must be >= 0"), ("shard", (2, 2), "0 <= i < n")],
)
def test_nonsense_is_refused(source: Source, field: str, value: Any, complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        Steps(source, **{field: value})


@pytest.mark.parametrize("workers", [0, 2])
def test_it_feeds_a_torch_loader(workers: int, tmp_path: Path) -> None:
    """The few lines that docs/demos.md gives."""
    data = pytest.importorskip("torch.utils.data")
    folder = write(tmp_path / "tidy-v0", KEPT)

    class Torch(data.IterableDataset):  # type: ignore[misc]
        epoch = 0

        def __iter__(self) -> Any:
            source = open_source(folder)
            worker = data.get_worker_info()
            shard = (worker.id, worker.num_workers) if worker else (0, 1)
            return Steps(source, buffer=16, shard=shard).epoch(self.epoch)

    def steps(epoch: int) -> list[int]:
        dataset = Torch()
        dataset.epoch = epoch
        loader = data.DataLoader(dataset, batch_size=16, num_workers=workers)
        return [step for batch in loader for step in batch["step"].tolist()]

    assert sorted(steps(0)) == sorted(steps(1)) == sorted(t for _, t in EVERY)
    assert steps(0) != steps(1)
