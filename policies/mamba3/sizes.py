"""Stacks that have a name: three of ours for policies, four of the paper's for language."""

from __future__ import annotations

from nsctl.errors import InvalidValue, UnknownName
from policies.mamba3.config import Mamba3Config, StackConfig

LLAMA_TOKENS = 128_256
"""The vocabulary of the Llama 3.1 tokenizer, which the paper uses."""

POLICIES = {"nano": (2, 128, 32, 32), "micro": (2, 256, 64, 64), "small": (12, 512, 64, 64)}
"""Layers, D, N and P: 0.2, 0.9 and 20 million parameters (with a policy's embedding and heads, micro has one million)."""

PAPER = {
    "180M": (12, 768, 1500, 1264),
    "440M": (24, 1024, 2048, 1792),
    "880M": (24, 1536, 3072, 2800),
    "1.5B": (24, 2048, 4096, 3824),
}
"""Layers, D, and the SwiGLU's width beside SISO and beside MIMO of rank 4, which spends what it takes for B and C.

The widths are the paper's; the official code rounds them up to multiples of 128 when it builds a model.
"""


def stack_size(name: str, mimo_rank: int | None = None) -> StackConfig:
    """The stack called ``name``: ``nano``, ``micro``, ``small``, ``180M``, ``440M``, ``880M`` or ``1.5B``."""
    if name in POLICIES:
        layers, d_model, d_state, head_dim = POLICIES[name]
        return StackConfig(layers, Mamba3Config(d_model, d_state, head_dim, mimo_rank=mimo_rank))
    if name not in PAPER:
        raise UnknownName("size of Mamba-3", name, [*POLICIES, *PAPER])
    if mimo_rank not in (None, 4):
        raise InvalidValue(
            f"the paper has {name} as SISO (mimo_rank=None) and with mimo_rank=4, not with {mimo_rank!r}"
        )
    layers, d_model, siso, mimo = PAPER[name]
    block = Mamba3Config(d_model, d_state=128, head_dim=64, mimo_rank=mimo_rank)
    return StackConfig(layers, block, siso if mimo_rank is None else mimo, LLAMA_TOKENS)
