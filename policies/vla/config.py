"""The sizes of a vision-language-action network, and what goes into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from nsctl.errors import InvalidValue, UnknownName
from nsctl.observation_arrays import POSE, PROPRIO
from nsctl.scene import ACTION_SIZE
from policies.mamba3.config import Mamba3Config, StackConfig, require_count

Inputs = Literal["pixels", "state"]
TrunkKind = Literal["attention", "mamba3"]
HeadKind = Literal["l1", "flow"]
GROUPS = 8
"""Groups of channels that the eyes normalise."""


@dataclass(frozen=True)
class VLAConfig:
    """One network. Lengths count tokens, words, layers or decisions; the defaults have 19 million parameters.

    The network decides once for each piece of a chunk that is executed. Every decision is a block of :attr:`tokens`
    tokens: ``grid`` x ``grid`` of each camera (or one of each object slot), one of proprioception, one that is read out.
    Attention reaches back over ``window`` decisions, the present one included, and to the instruction; Mamba-3
    remembers without end, and whoever plays it begins anew after ``window`` decisions, since no longer history is
    trained on. ``vision`` holds the channels of the stages, each of half the height and width of the one before.
    """

    cameras: tuple[str, ...] = ("front", "side", "wrist")
    image: int = 128
    inputs: Inputs = "pixels"
    proprio: int = len(PROPRIO)
    slots: int = 8
    """Objects at most: those that inputs ``state`` sees and those whose positions the auxiliary head tells."""
    pose: int = len(POSE)
    """Numbers of one object in inputs ``state``."""
    text: int = 39
    """Words and marks of an instruction at most; with the one before them a multiple of 8, as a GPU's attention prefers."""
    width: int = 384
    layers: int = 6
    heads: int = 6
    window: int = 8
    chunk: int = 16
    action: int = ACTION_SIZE
    grid: int = 4
    keypoints: int = 32
    """Things whose place in a picture is told by numbers."""
    overview: int = 512
    """Width of what is made of numbers for the token that is read out."""
    stem: int = 32
    vision: tuple[int, ...] = (64, 128, 256)
    vision_blocks: tuple[int, ...] = (2, 3, 3)
    text_width: int = 256
    text_layers: int = 2
    text_heads: int = 4
    trunk: TrunkKind = "attention"
    d_state: int = 64
    """N of every Mamba-3 block."""
    head: HeadKind = "l1"
    flow_width: int = 256
    flow_layers: int = 3
    flow_steps: int = 5
    """Euler steps from noise to actions, 1 to 5."""
    atoms: int = 0
    """Ground atoms that the auxiliary head tells; 0 is none."""
    stages: int = 0
    """Stages of the task that the auxiliary head tells apart; 0 is none."""
    step: tuple[int, ...] = ()
    """Questions about the step under way that the auxiliary head answers: how many answers each has."""
    positions: bool = False
    """Whether the auxiliary head tells where the objects of the slots are."""
    target: bool = False
    """Whether the auxiliary head tells the way from the hand to what the step under way is about."""

    def __post_init__(self) -> None:
        for name in ("image", "proprio", "slots", "pose", "text", "width", "layers", "heads", "window", "chunk"):
            require_count(name, getattr(self, name), least=1)
        for name in (
            "action",
            "grid",
            "keypoints",
            "overview",
            "stem",
            "text_width",
            "text_layers",
            "text_heads",
            "d_state",
        ):
            require_count(name, getattr(self, name), least=1)
        for name in ("flow_width", "flow_layers", "flow_steps"):
            require_count(name, getattr(self, name), least=1)
        for name in ("atoms", "stages"):
            require_count(name, getattr(self, name), least=0)
        for name in ("vision", "vision_blocks", "step"):
            for count in getattr(self, name):
                require_count(f"each of {name}", count, least=1)
        kinds = (
            ("kind of inputs", self.inputs, Inputs),
            ("trunk", self.trunk, TrunkKind),
            ("head", self.head, HeadKind),
        )
        for kind, value, known in kinds:
            if value not in get_args(known):
                raise UnknownName(kind, str(value), get_args(known))
        self._check_shapes()

    def _check_shapes(self) -> None:
        if self.width % (4 * self.heads):
            raise InvalidValue(f"width = {self.width} must be a multiple of 4 * heads = {4 * self.heads}")
        if self.text_width % self.text_heads:
            raise InvalidValue(f"text_width = {self.text_width} must be a multiple of text_heads = {self.text_heads}")
        if self.flow_width % self.flow_heads:
            raise InvalidValue(
                f"flow_width must be below 128 or a multiple of {self.flow_heads}, got {self.flow_width}"
            )
        if self.flow_steps > 5:
            raise InvalidValue(f"flow_steps must be 1 to 5, got {self.flow_steps}")
        if not self.vision or len(self.vision) != len(self.vision_blocks):
            raise InvalidValue(f"vision and vision_blocks must be as long, got {self.vision} and {self.vision_blocks}")
        if self.inputs == "pixels" and (not self.cameras or len(set(self.cameras)) < len(self.cameras)):
            raise InvalidValue(f"a network that sees needs one camera at least and none twice, got {self.cameras}")
        if any(channels % GROUPS for channels in (self.stem, *self.vision)):
            raise InvalidValue(f"stem and vision must be multiples of {GROUPS}, got {self.stem} and {self.vision}")
        if self.image % (self.stride * self.grid):
            raise InvalidValue(
                f"image = {self.image} must be a multiple of stride * grid = {self.stride} * {self.grid}"
            )

    @property
    def stride(self) -> int:
        """Pixels along a side of the picture for one of the last stage's map."""
        return int(2 ** (1 + len(self.vision)))

    @property
    def flow_heads(self) -> int:
        """Attention heads of the flow head, of 64 channels or a little more."""
        return max(1, self.flow_width // 64)

    @property
    def tokens(self) -> int:
        """K: tokens of one decision; the last one is read out."""
        seen = len(self.cameras) * self.grid**2 if self.inputs == "pixels" else self.slots
        return seen + 2

    @property
    def numbers(self) -> int:
        """What of a decision is told by numbers: the robot's own state, and the keypoints of all cameras or all poses."""
        seen = len(self.cameras) * 2 * self.keypoints if self.inputs == "pixels" else self.slots * self.pose
        return self.proprio + seen

    @property
    def prefix(self) -> int:
        """T: tokens of the instruction, one that stands for the whole before one for each word."""
        return self.text + 1

    @property
    def reach(self) -> int | None:
        """Decisions, the present one included, on which an action depends: layers see through windows behind windows.

        None is all of them. A network that was trained on shorter sequences meets longer pasts only when it is served.
        """
        return None if self.trunk == "mamba3" else self.layers * (self.window - 1) + 1

    @property
    def stack(self) -> StackConfig:
        """The Mamba-3 trunk: as deep as the Transformer, its SwiGLU as wide as makes a layer as large."""
        D = self.width
        block = Mamba3Config(D, d_state=self.d_state, head_dim=D // self.heads)
        mixer = D * (3 * block.d_inner + 2 * self.d_state + 3 * block.heads + block.angles)  # both projections
        return StackConfig(self.layers, block, mlp=max(8, (12 * D * D - mixer) // (3 * D) // 8 * 8))


SIZES: Mapping[str, Mapping[str, Any]] = {
    "small": {},
    "tiny": {
        "image": 32,
        "grid": 2,
        "keypoints": 4,
        "overview": 32,
        "text": 24,
        "width": 32,
        "layers": 2,
        "heads": 2,
        "window": 3,
        "chunk": 4,
        "stem": 8,
        "vision": (8, 16),
        "vision_blocks": (1, 1),
        "text_width": 16,
        "text_layers": 1,
        "text_heads": 2,
        "d_state": 8,
        "flow_width": 16,
        "flow_layers": 1,
    },
}
"""Sizes that have a name: the one that is trained, and one for tests."""


def vla_size(name: str = "small", **changes: Any) -> VLAConfig:
    """The network of the size called ``name``, with fields of your own: ``vla_size("tiny", trunk="mamba3")``."""
    if name not in SIZES:
        raise UnknownName("size of a vision-language-action network", name, SIZES)
    return config_from({**SIZES[name], **changes})


def config_from(values: Mapping[str, Any]) -> VLAConfig:
    """The configuration that :func:`config_values` gave to ``config.json``; a field that there is not is refused."""
    known = [field.name for field in fields(VLAConfig)]
    for name in values:
        if name not in known:
            raise UnknownName("field of a VLAConfig", name, known)
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return VLAConfig(**given)


def config_values(config: VLAConfig) -> dict[str, Any]:
    """``config`` as JSON values."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}
