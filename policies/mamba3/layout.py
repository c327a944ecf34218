"""Weights of other layouts, converted knowingly.

Official SISO weights turn neighbouring channels (2j, 2j+1) of the state, official MIMO weights the halves (j, j + N/2).
Read with the wrong pairs, weights load and nearly work: at the small angles of a fresh block the outputs are 3 % off.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.mamba3.config import Mamba3Config, Pairing


def change_pairing(weights: Mapping[str, Tensor], config: Mamba3Config, to: Pairing) -> dict[str, Tensor]:
    """A block's ``weights``, whose channels pair the other way, reordered so that they pair as ``to`` says."""
    c, order = config, channel_order(config.d_state, to)
    changed = dict(weights)
    for name in ("B_bias", "C_bias", "B_norm.weight", "C_norm.weight"):
        changed[name] = weights[name][..., order]
    start, rows = 2 * c.d_inner, 2 * c.rank * c.groups * c.d_state  # z and x come first, then B and C
    in_proj = weights["in_proj.weight"].clone()
    both = torch.unflatten(in_proj[start : start + rows], 0, (-1, c.d_state))  # [2RG, N, D]
    in_proj[start : start + rows] = both[:, order].flatten(0, 1)
    return changed | {"in_proj.weight": in_proj}


def channel_order(d_state: int, to: Pairing) -> Tensor:
    """[N]: for each channel under the pairing ``to``, where it was under the other one."""
    order = torch.arange(d_state)
    if to == "halves":
        return order.view(-1, 2).T.flatten()
    if to == "neighbours":
        return order.view(2, -1).T.flatten()
    raise InvalidValue(f"a pairing is neighbours or halves, got {to!r}")


def siso_as_mimo(weights: Mapping[str, Tensor], config: Mamba3Config) -> dict[str, Tensor]:
    """The MIMO weights of rank 1 that compute what these SISO ``weights`` do."""
    if config.mimo_rank is not None:
        raise InvalidValue(f"these weights are MIMO of rank {config.mimo_rank} already")
    ones = torch.ones_like(weights["B_bias"][..., :1]).expand(-1, -1, config.head_dim)  # [H, 1, P]
    return change_pairing(weights, config, "halves") | {name: ones.clone() for name in ("mimo_x", "mimo_z", "mimo_o")}


def mimo_as_siso(weights: Mapping[str, Tensor], config: Mamba3Config) -> dict[str, Tensor]:
    """The SISO weights that compute what these MIMO ``weights`` of rank 1 do: the projections take in Psi, Zeta, Phi."""
    if config.mimo_rank != 1:
        raise InvalidValue(f"only MIMO of rank 1 is SISO as well, got mimo_rank = {config.mimo_rank}")
    changed, E = change_pairing(weights, config, "neighbours"), config.d_inner
    psi, zeta, phi = (changed.pop(name).flatten() for name in ("mimo_x", "mimo_z", "mimo_o"))  # [E] each
    scale = torch.ones(len(changed["in_proj.weight"])).to(psi)
    scale[:E], scale[E : 2 * E] = zeta, psi
    in_proj, out_proj = changed["in_proj.weight"] * scale[:, None], changed["out_proj.weight"] * phi
    kept = {"in_proj.weight": in_proj, "out_proj.weight": out_proj}
    return changed | {name: value.to(weights[name].dtype) for name, value in kept.items()}


def official_language_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The official language model's ``weights`` under our names: without ``backbone.`` and the second name of the tie."""
    tied = weights.get("lm_head.weight")
    if tied is not None and not torch.equal(tied, weights["backbone.embedding.weight"]):
        raise InvalidValue("lm_head.weight differs from backbone.embedding.weight: this model ties them")
    return {name.removeprefix("backbone."): value for name, value in weights.items() if name != "lm_head.weight"}
