"""Skills in NVFP4: quantises a network by role, spares the layers that its actions depend on most, and reads such folders.

The action error is taken on what the skill sees in real episodes that it plays itself, unquantised: the same moments for
every layer and every choice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nsctl.errors import InvalidValue, NsctlError, UnknownName
from nsctl.precision import QuantisationRequest
from policies.nvfp4.file import PARTS, QuantisedWeights, read_quantised, write_quantised
from policies.nvfp4.played import played_by
from policies.nvfp4.policy import NVFP4, dense_weights, load_policy, quantise_policy
from policies.nvfp4.roles import LayerReport, Report, quantisable
from policies.nvfp4.scales import RULES, Rule
from policies.nvfp4.sensitivity import THRESHOLD, action_error, exclusions, scan
from policies.skills.collect import Job, collect
from policies.skills.config import SkillNetworkConfig
from policies.skills.cost import TRAINING
from policies.skills.network import SkillNetwork
from policies.skills.neural import NeuralSkill

Floats = NDArray[np.float32]
MODEL, CONFIG = "model.safetensors", "config.json"
ASKED = "asked for with --exclude"


@dataclass(frozen=True, eq=False)
class QuantisedPolicy:
    """A skill's weights in NVFP4. ``sha256`` is their file's or, if they are ``fresh`` (made in memory), their digest.

    In ``folder`` lies what their training has cost: theirs, or that of the weights which they were made of.
    """

    weights: QuantisedWeights
    sha256: str
    fresh: bool
    folder: Path

    @cached_property
    def arrays(self) -> dict[str, Floats]:
        """The weights decoded, by the names of the network's ``state_dict``."""
        return {name: tensor.numpy() for name, tensor in dense_weights(self.weights).items()}

    def network(self, config: SkillNetworkConfig) -> SkillNetwork:
        """A network of this ``config`` with the weights as they are stored, not decoded: for a GPU."""
        made = SkillNetwork(config)
        load_policy(made, self.weights)
        return made

    @property
    def told(self) -> dict[str, Any]:
        """What a record should know beside the file's hash."""
        kept = sorted(self.weights.exclusions)
        told = {"precision": NVFP4, "rule": self.weights.rule, "teacher_sha256": self.weights.teacher}
        return {**told, "excluded": kept, "quantised": "at load" if self.fresh else "beforehand"}


def read_or_quantise(folder: Path, *, stored: bool) -> QuantisedPolicy:
    """The NVFP4 weights in ``folder``, if that is how they are ``stored``; else those made of its weights, or made now.

    What lies in ``folder/nvfp4`` counts if it was made of the weights that lie in ``folder``. All layers that may be
    quantised are, if it must be done now.
    """
    if stored:
        return _read(folder)
    if (folder / NVFP4 / MODEL).exists():
        found = _read(folder / NVFP4)
        if found.weights.teacher == sha256_of(folder / MODEL):
            return found
    weights, _ = quantise_policy(network_in(folder), sha256_of(folder / MODEL))
    return QuantisedPolicy(weights, digest(weights), fresh=True, folder=folder)


def digest(weights: QuantisedWeights) -> str:
    """SHA-256 of all names and numbers, in order: of weights that are in no file."""
    numbers = dict(weights.exact)
    for name, layer in weights.layers.items():
        parts = (layer.codes, layer.block_scales, layer.tensor_scale)
        numbers |= {f"{name}.{part}": value for part, value in zip(PARTS, parts, strict=True)}
    whole = hashlib.sha256()
    for name, value in sorted(numbers.items()):
        whole.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        whole.update(value.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()


def quantise(folder: Path, request: QuantisationRequest) -> dict[str, Any]:
    """Quantise the policy in ``folder`` as the ``request`` says, write it if it says where, and return the figures."""
    rule = _rule(request)
    refuse_overwriting(folder, request.out)
    network = network_in(folder)
    asked = _asked(network, request)
    episodes = recorded(folder, network.config, request.episodes, request.seed)

    def act(module: nn.Module) -> Tensor:
        return first_actions(module, episodes)

    teacher, alone = act(network), scan(network, act, rule)
    threshold = THRESHOLD if request.threshold is None else request.threshold
    excluded = exclusions(alone, threshold) | asked
    weights, report = quantise_policy(network, sha256_of(folder / MODEL), rule, excluded)
    error = action_error(act(network), teacher)
    figures = figures_of(report, weights, alone, error) | {"threshold": threshold, "moments": len(teacher)}
    if request.out is not None:
        write_policy(request.out, folder, weights, figures)
        figures |= {"sha256": sha256_of(request.out / MODEL), "out": str(request.out)}
    return figures | kernels_of(network, report)


def recorded(folder: Path, config: SkillNetworkConfig, episodes: int, seed: int) -> list[Floats]:
    """What the policy in ``folder`` sees in ``episodes`` episodes of each of its operators, each [T, F]."""
    if episodes < 1:
        raise InvalidValue(f"episodes must be >= 1, got {episodes}")
    jobs = [
        Job(operator, "check", seed, number, folder, config)
        for operator in config.operators
        for number in range(episodes)
    ]
    seen = [played.features for played in map(collect, jobs) if played is not None]
    if not seen:
        raise NsctlError(f"none of {episodes} episodes of {', '.join(config.operators)} could be set: ask for more")
    return seen


@torch.no_grad()
def first_actions(network: nn.Module, episodes: Sequence[Floats]) -> Tensor:
    """[n, 5]: the actions that ``network`` would execute, one for each moment of the ``episodes``, each [T, F]."""
    padded = nn.utils.rnn.pad_sequence([torch.from_numpy(each) for each in episodes], batch_first=True)
    chunks, _ = network(padded)  # [B, L, chunk, 5]; what follows an episode's end changes nothing before it
    return torch.cat([chunk[: len(each), 0] for chunk, each in zip(chunks, episodes, strict=True)])


def network_in(folder: Path) -> SkillNetwork:
    """The network in ``folder``, afresh and in float32."""
    try:
        operator = json.loads((folder / CONFIG).read_text())["network"]["operators"][0]
    except FileNotFoundError as error:
        raise NsctlError(f"{folder} holds no policy: {CONFIG} and {MODEL} are expected there") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InvalidValue(
            f"{folder / CONFIG} is no skill's configuration: it must hold the skill's 'operators' under 'network'"
        ) from error
    return NeuralSkill(operator, folder, "float32").network


def _asked(network: nn.Module, request: QuantisationRequest) -> dict[str, str]:
    roles = quantisable(network)
    for name in request.exclude:
        if name not in roles:
            raise UnknownName("layer that can be quantised", name, roles)
    return dict.fromkeys(request.exclude, ASKED)


def _rule(request: QuantisationRequest) -> Rule:
    for rule in RULES:
        if rule == request.rule:
            return rule
    raise UnknownName("rule for block scales", request.rule, RULES)


def refuse_overwriting(folder: Path, out: Path | None) -> None:
    """Refuse to write into ``out`` if it is the ``folder`` of the teacher, or holds weights."""
    if out is not None and (out.resolve() == folder.resolve() or (out / MODEL).exists()):
        raise InvalidValue(f"{out} holds weights already: choose another folder (--out), or move them away")


def figures_of(report: Report, weights: QuantisedWeights, alone: Mapping[str, float], error: float) -> dict[str, Any]:
    """What quantising gave: of the whole, and of each layer what it lost, ``alone`` being its action error by itself."""

    def line(layer: LayerReport) -> dict[str, Any]:
        why = weights.exclusions.get(f"{layer.name}.weight", "")
        return {**asdict(layer), "action_error": alone[layer.name], "excluded": why}

    return {
        "precision": NVFP4,
        "rule": weights.rule,
        "teacher_sha256": weights.teacher,
        "bytes_before": report.before,
        "bytes_after": report.after,
        "ratio": report.after / report.before,
        "quantised_ratio": report.quantised_ratio,
        "action_error": error,
        "layers": [line(layer) for layer in report.layers],
    }


def kernels_of(network: nn.Module, report: Report) -> dict[str, Any]:
    """By what the layers of the quantised ``network`` are computed on this machine, one execution at a time.

    On its GPU if it has one. That is no property of the weights, so it is not written beside them.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    layers = {layer.name: network.get_submodule(layer.name) for layer in report.layers}
    return {"device": device.type, "kernels": {n: asdict(p) for n, p in played_by(layers, device).items()}}


def write_policy(out: Path, folder: Path, weights: QuantisedWeights, figures: Mapping[str, Any]) -> None:
    """Write into ``out`` the ``weights`` that were made of those in ``folder``, their configuration and what they cost."""
    out.mkdir(parents=True, exist_ok=True)
    write_quantised(out / MODEL, weights)
    config = json.loads((folder / CONFIG).read_text())
    told = {"network": config["network"], "precision": NVFP4, "quantisation": dict(figures)}
    (out / CONFIG).write_text(json.dumps(told, indent=1) + "\n")
    if (folder / TRAINING).exists():  # what the teacher cost is what there is to know of its copy
        (out / TRAINING).write_bytes((folder / TRAINING).read_bytes())


def _read(folder: Path) -> QuantisedPolicy:
    path = folder / MODEL
    if not path.exists():
        raise NsctlError(f"no weights in {folder}: quantise a policy with `nsctl quantize NAME --out {folder}`")
    return QuantisedPolicy(read_quantised(path), sha256_of(path), fresh=False, folder=folder)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in 64 hex digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
