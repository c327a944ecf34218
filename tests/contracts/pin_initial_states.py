"""Writes ``initial_states.json``: hashes of the first 20 initial states of every task on the engines that are installed.

    python -m tests.contracts.pin_initial_states

To be run when a task gets a new version or an engine's version is taken up; hashes of other versions are kept.
"""

from __future__ import annotations

import json
from importlib.metadata import version

from tests.contracts.test_worlds import EVERY, PINNED, digest, make


def main() -> None:
    pinned = json.loads(PINNED.read_text()) if PINNED.exists() else {}
    for task, engine in EVERY:
        world = make(task, engine)
        hashes = []
        for episode in range(20):
            world.reset(0, episode)
            hashes.append(digest(world))
        pinned.setdefault(f"{engine} {version(engine)}", {})[f"{task} v{world.task.version}"] = " ".join(hashes)
        world.close()
    PINNED.write_text(json.dumps(pinned, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
