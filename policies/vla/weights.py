"""A network on disk: ``config.json`` beside safetensors of at most 16 MB each, matrices in bfloat16.

Biases, norms, positions, step sizes and statistics stay in float32: they are few, and rounding them costs more than
it saves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nsctl.errors import InvalidValue, NsctlError
from policies.vla.config import VLAConfig, config_from, config_values
from policies.vla.network import VLANetwork

ARCHITECTURE = "vla"
VERSION = 1
SHARD_BYTES = 16_000_000
_HEADER = 100_000
"""Room for a shard's table of contents."""


def write_network(network: VLANetwork, folder: Path) -> str:
    """Write ``network`` to ``folder``, in place of one that is there; returns the SHA-256 of its shards."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("model-*.safetensors"):
        old.unlink()
    parts = list(_shards({name: _stored(name, part) for name, part in network.state_dict().items()}))
    names = [f"model-{i:05d}-of-{len(parts):05d}.safetensors" for i in range(1, len(parts) + 1)]
    for name, part in zip(names, parts, strict=True):
        (folder / name).write_bytes(save(part))
    sha256 = _sha256(folder, names)
    told = {"architecture": ARCHITECTURE, "version": VERSION, "network": config_values(network.config)}
    told |= {"shards": names, "sha256": sha256}
    (folder / "config.json").write_text(json.dumps(told, indent=1) + "\n")
    return sha256


def read_network(folder: Path, wanted: Mapping[str, object] | None = None) -> VLANetwork:
    """The network in ``folder``, in float32 on the CPU, ready to act; nothing is unpickled.

    ``wanted`` gives fields of the configuration that must be so: ``{"trunk": "mamba3"}``. Raises :class:`NsctlError` where
    there are no weights and :class:`InvalidValue` for damaged ones and those of another architecture.
    """
    told = _told(folder)
    config = config_from(told["network"])
    for name, value in (wanted or {}).items():
        if (held := getattr(config, name)) != value:
            raise InvalidValue(
                f"{folder} holds a network whose {name} is {held!r}, and {value!r} was asked for: "
                "a network is played by the agent of its own variant"
            )
    if _sha256(folder, told["shards"]) != told["sha256"]:
        raise InvalidValue(
            f"the weights in {folder} are not those that its config.json was written for: copy both anew"
        )
    tensors: dict[str, Tensor] = {}
    for name in told["shards"]:
        try:
            tensors |= load((folder / name).read_bytes())
        except SafetensorError as error:
            raise InvalidValue(f"{folder / name} cannot be read as safetensors: {error}") from error
    return _loaded(folder, config, tensors)


def read_config(folder: Path) -> VLAConfig:
    """The configuration of the network in ``folder``, without its weights."""
    return config_from(_told(folder)["network"])


def fingerprint(folder: Path) -> str:
    """The SHA-256 of the shards in ``folder``, one after the other."""
    return _sha256(folder, _told(folder)["shards"])


def _stored(name: str, part: Tensor) -> Tensor:
    matrix = name.endswith(".weight") and part.ndim >= 2
    return part.detach().cpu().to(torch.bfloat16 if matrix else torch.float32).contiguous()


def _shards(tensors: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The tensors in their order, as many together as fit a shard."""
    held: dict[str, Tensor] = {}
    size, most = 0, SHARD_BYTES - _HEADER
    for name, part in tensors.items():
        if part.nbytes > most:
            raise InvalidValue(f"{name} has {part.nbytes} bytes, and a shard holds {most}: make the layer smaller")
        if size + part.nbytes > most:
            yield held
            held, size = {}, 0
        held[name] = part
        size += part.nbytes
    yield held


def _told(folder: Path) -> dict[str, Any]:
    """What ``config.json`` says, if it is one of ours."""
    try:
        told = json.loads((folder / "config.json").read_text())
    except FileNotFoundError as error:
        raise NsctlError(f"no weights of a network in {folder}: train them with `nsctl train vla`") from error
    except ValueError as error:
        raise InvalidValue(f"{folder / 'config.json'} is no JSON: {error}") from error
    got = told.get("architecture") if isinstance(told, dict) else None
    if got != ARCHITECTURE:
        raise InvalidValue(f"{folder} holds weights of another architecture ({got!r}), not of {ARCHITECTURE!r}")
    if told.get("version") != VERSION:
        raise InvalidValue(f"{folder} holds version {told.get('version')!r} of the format, this nsctl reads {VERSION}")
    if missing := sorted({"network", "shards", "sha256"} - set(told)):
        raise InvalidValue(f"{folder / 'config.json'} lacks {', '.join(missing)}: copy the folder anew")
    return dict(told)


def _sha256(folder: Path, names: list[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        if Path(name).name != name:
            raise InvalidValue(f"a shard must lie in {folder} itself, got {name!r}")
        try:
            digest.update((folder / name).read_bytes())
        except FileNotFoundError as error:
            raise InvalidValue(f"{folder} lacks {name}, which its config.json names: copy the folder anew") from error
    return digest.hexdigest()


def _loaded(folder: Path, config: VLAConfig, tensors: Mapping[str, Tensor]) -> VLANetwork:
    """A network of ``tensors``, which must be exactly those of ``config``."""
    with torch.device("meta"):
        network = VLANetwork(config)
    wanted = network.state_dict()
    for name in sorted(set(wanted) ^ set(tensors)):
        raise InvalidValue(f"{folder} {'lacks' if name in wanted else 'has no place for'} the weight {name}")
    for name, right in wanted.items():  # in their order, so that the same fault is always told by the same weight
        if (part := tensors[name]).shape != right.shape:
            raise InvalidValue(f"{folder}: {name} must be {list(right.shape)}, got {list(part.shape)}")
    network.load_state_dict({name: part.float() for name, part in tensors.items()}, assign=True)
    return network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload, no-any-return]
