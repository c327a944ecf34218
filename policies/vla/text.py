"""Instructions as words, read by a small Transformer that is trained with the rest."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nsctl.errors import InvalidValue
from policies.vla.batch import PAD, WHOLE, WORDS
from policies.vla.config import VLAConfig
from policies.vla.layers import EncoderLayer


class TextEncoder(nn.Module):
    """Words to the trunk's prefix and to the vector that conditions the eyes. What fills a row up changes nothing."""

    def __init__(self, config: VLAConfig) -> None:
        super().__init__()
        self.config = config
        width = config.text_width
        self.embed = nn.Embedding(WORDS, width)
        self.place = nn.Parameter(0.02 * torch.randn(config.prefix, width))
        self.layers = nn.ModuleList(EncoderLayer(width, config.text_heads) for _ in range(config.text_layers))
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, config.width)
        nn.init.normal_(self.embed.weight, std=0.02)

    def forward(self, text: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Text int64 [B, L], :data:`PAD` after its end, to prefix [B, T, width], real [B, T] and condition [B, text_width].

        Refuses text that is longer than the configuration's.
        """
        if text.ndim != 2 or text.dtype != torch.int64 or text.shape[1] > self.config.text:
            raise InvalidValue(
                f"the text must be int64 [B, L] with L <= {self.config.text}, got {text.dtype} {list(text.shape)}"
            )
        tokens = F.pad(F.pad(text, (1, 0), value=WHOLE), (0, self.config.text - text.shape[1]), value=PAD)
        real = tokens != PAD  # [B, T]
        x = self.embed(tokens) + self.place
        for layer in self.layers:
            x = layer(x, real[:, None, None, :])
        x = self.norm(x)
        return self.widen(x), real, x[:, 0]
