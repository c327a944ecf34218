"""Writes a dataset once more, in another format."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from nsctl.demos import minari_file
from nsctl.demos.libraries import need
from nsctl.demos.minari_metadata import dataset_id, write_metadata
from nsctl.demos.source import Format, Source, open_source
from nsctl.errors import NsctlError, UnknownName
from nsctl.files import make_folder

FORMATS: tuple[Format, ...] = ("lerobot", "minari")


def export(folder: Path, form: str, out: Path, told: Callable[[int, int], None] = lambda done, of: None) -> Source:
    """Write the demonstrations in ``folder`` as ``form`` into ``out``, a new folder, and open them there.

    ``told`` hears how many of how many are done. What is not finished is removed again.
    """
    if form not in FORMATS:
        raise UnknownName("format of demonstrations", form, FORMATS)
    need("pyarrow" if form == "lerobot" else "h5py")
    if out.is_dir() and any(out.iterdir()):
        raise NsctlError(f"{out} is not empty: name a new folder with --out")
    source = open_source(folder)
    make_folder(out, "dataset")
    try:
        (_to_lerobot if form == "lerobot" else _to_minari)(source, out, told)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    finally:
        source.close()
    return open_source(out)


def _to_lerobot(source: Source, out: Path, told: Callable[[int, int], None]) -> None:
    from nsctl.demos.lerobot_writer import LeRobotWriter

    writer = LeRobotWriter(out, source.about)
    for index in range(len(source.lengths)):
        writer.add(source.episode(index))
        told(index + 1, len(source.lengths))
    writer.close()


def _to_minari(source: Source, out: Path, told: Callable[[int, int], None]) -> None:
    data = out / "data"
    data.mkdir()
    with need("h5py").File(data / minari_file.MAIN, "w") as file:
        for index in range(len(source.lengths)):
            minari_file.put(file.create_group(f"episode_{index}"), source.episode(index), index)
            told(index + 1, len(source.lengths))
    name = dataset_id(out, f"{source.about.task or 'demonstrations'}-v0")
    write_metadata(data, name, dict(source.about.details))
