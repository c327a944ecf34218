"""A whole policy in NVFP4: from a teacher's weights to a file's, and back to dense ones under the teacher's names.

In the file a layer ``l`` bears the name of the linear map that it was: ``l.weight``, ``l.weight_scale``,
``l.weight_scale_2``; rows of it that are not quantised are ``l.kept`` [k, in]. All other weights keep their names.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nsctl.errors import InvalidValue
from policies.nvfp4.file import QuantisedWeights
from policies.nvfp4.roles import Report, install, quantise_network, stored_dtype
from policies.nvfp4.scales import Rule, Scales
from policies.nvfp4.tensor import dequantise

NVFP4 = "nvfp4"
"""What the configuration of such a policy gives as its precision."""
KEPT = ".kept"


def quantise_policy(
    network: nn.Module,
    teacher: str,
    rule: Rule = "search",
    excluded: Mapping[str, str] | None = None,
    scales: Mapping[str, Scales] | None = None,
) -> tuple[QuantisedWeights, Report]:
    """``network`` in NVFP4, in place, and what a file holds of it.

    ``teacher`` is the SHA-256 of the file it came from, ``excluded`` says of layers that are kept whole why. ``scales`` are
    those of layers that were trained with them, chosen by ``rule`` for the weights that they had before.
    """
    excluded = excluded or {}
    report = quantise_network(network, rule, tuple(excluded), scales)
    exact = {n: p.detach().to(stored_dtype(n)) for n, p in network.named_parameters() if p.numel()}
    for name in report.tensors:  # an NVFP4 layer holds its bias as a buffer
        bias = getattr(network.get_submodule(name), "bias", None)
        if bias is not None:
            exact[f"{name}.bias"] = bias.bfloat16()
            bias.copy_(bias.bfloat16())
    reasons = {f"{name}.weight": reason for name, reason in excluded.items()}
    return QuantisedWeights(report.tensors, exact, rule, teacher, reasons), report


def dense_weights(weights: QuantisedWeights) -> dict[str, Tensor]:
    """All ``weights`` decoded, float32, under the names of the teacher's ``state_dict``."""
    dense = {name: tensor.float() for name, tensor in weights.exact.items() if not name.endswith(KEPT)}
    for name, tensor in weights.layers.items():
        rows = dequantise(tensor)
        kept = weights.exact.get(name + KEPT)
        dense[f"{name}.weight"] = rows if kept is None else torch.cat([rows, kept.float()])
    if stray := [n for n in weights.exact if n.endswith(KEPT) and n.removesuffix(KEPT) not in weights.layers]:
        raise InvalidValue(f"{', '.join(stray)} are rows of no NVFP4 layer: quantise the policy again")
    return dense


def load_policy(network: nn.Module, weights: QuantisedWeights) -> None:
    """Make ``network``, fresh and of the teacher's configuration, the policy of ``weights``; refuses another's."""
    try:
        network.load_state_dict(dense_weights(weights))
    except RuntimeError as error:
        raise InvalidValue(f"these weights are not of this configuration: {error}") from error
    install(network, weights.layers)
