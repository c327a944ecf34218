"""A block's whole sequence by the kernels: outputs, states and gradients; and who computes when."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from mamba3_samples import block, inputs, off, state_off
from torch import Tensor

from nsctl.errors import InvalidValue, UnknownName
from policies.mamba3.block import Mamba3, cast
from policies.mamba3.config import Mamba3Config
from policies.mamba3.kernels import available
from policies.mamba3.kernels.scan import fused_scan
from policies.mamba3.recurrence import Mamba3State

SINGLE = 3e-6


def pair(device: torch.device, **options: object) -> tuple[Mamba3, Mamba3]:
    """A float32 block on ``device`` that insists on the kernels, and the same one in float64."""
    single = block(**options).float()
    exact = block(**options)
    exact.load_state_dict({name: value.double() for name, value in single.state_dict().items()})
    single.backend = "triton"
    return single.to(device), exact


def cpu(state: Mamba3State) -> Mamba3State:
    return Mamba3State(*(part.cpu() for part in vars(state).values()))


def test_a_sequence_may_be_cut_anywhere(device: torch.device) -> None:
    mamba, exact = pair(device)
    u, reset = inputs(2, 20), torch.zeros(2, 20, dtype=torch.bool)
    reset[0, 9] = reset[1, 8] = reset[1, 15] = True
    right, right_after = exact.sequential(u, reset=reset)
    state, pieces = None, []
    for start, end in pairwise([0, 1, 8, 20]):
        part = u[:, start:end].float().to(device)
        y, state = fused_scan(mamba, part, state, reset[:, start:end].to(device), None, chunk=16)
        pieces.append(y.detach().cpu().double())
    assert off(torch.cat(pieces, 1), right) < SINGLE
    assert state is not None
    assert state_off(cpu(state), right_after) < SINGLE


def gradients(mamba: Mamba3, u: Tensor, **given: object) -> list[Tensor]:
    u = u.clone().requires_grad_()
    y = mamba.scan(u, **given)[0]  # type: ignore[arg-type]
    weight = inputs(*u.shape[:2], seed=6).to(y)
    return list(torch.autograd.grad((y * weight).sum(), [u, *mamba.parameters()]))


def test_gradients_are_the_plain_ones(device: torch.device) -> None:
    mamba, exact = pair(device, groups=2)
    u, lengths = inputs(2, 20).float(), torch.tensor([20, 13])
    start = Mamba3State(*(part.float() for part in vars(exact.sequential(inputs(2, 3, seed=9))[1]).values()))
    start = Mamba3State(*(part.detach() for part in vars(start).values()))
    there = Mamba3State(*(part.to(device) for part in vars(start).values()))
    wide = Mamba3State(*(part.double() for part in vars(start).values()))
    got = gradients(mamba, u.to(device), state=there, lengths=lengths.to(device))
    right = gradients(exact, u.double(), state=wide, lengths=lengths)
    for one, other in zip(got, right, strict=True):
        assert off(one.cpu().double(), other) < 3e-5


def test_slices_and_transposes_are_read_as_what_they_hold(device: torch.device) -> None:
    """Kernels count from where a tensor begins; resets often come as [L, B], lengths as a column of a table."""
    mamba, _ = pair(device)
    u, seen = inputs(2, 20).float().to(device), (torch.arange(40, device=device) % 7 == 3).view(20, 2)
    table = torch.tensor([[20, 3], [9, 4]], device=device)
    shapes = [part.shape for part in vars(mamba.rest(2)).values()]
    start = Mamba3State(
        *(torch.rand(*shape[::-1], device=device).permute(*range(len(shape))[::-1]) for shape in shapes)
    )
    assert not any(part.is_contiguous() for part in (seen.T, table[:, 0], start.h))
    right_start = Mamba3State(*(p.contiguous() for p in vars(start).values()))
    right = gradients(mamba, u, state=right_start, reset=seen.T.contiguous(), lengths=table[:, 0].contiguous())
    got = gradients(mamba, u, state=start, reset=seen.T, lengths=table[:, 0])
    assert all(torch.equal(one, other) for one, other in zip(got, right, strict=True))


def test_without_gradients_nothing_is_kept(device: torch.device) -> None:
    mamba, _ = pair(device)
    u = inputs(1, 3).float().to(device)
    with torch.no_grad():
        assert mamba(u).grad_fn is None


def test_a_loss_on_the_last_state_is_told_that_it_gets_no_gradient(device: torch.device) -> None:
    mamba, _ = pair(device)
    y, after = mamba.scan(inputs(1, 3).float().to(device))
    assert y.requires_grad
    with pytest.raises(InvalidValue, match="no gradient through the state after a sequence: detach it"):
        (y.sum() + after.h.sum()).backward()


def test_a_state_that_wants_a_gradient_is_refused(device: torch.device) -> None:
    mamba, _ = pair(device)
    u, state = inputs(1, 3).float().to(device), mamba.rest(1)
    state.h.requires_grad_()
    with pytest.raises(InvalidValue, match="the state wants a gradient, which the kernels do not give: detach it"):
        mamba.scan(u, state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mimo_rank": 2}, "the block is MIMO, and the kernels are SISO"),
        ({"pre_gate_norm": True}, "the block normalises before its gate, and the kernels do not"),
        ({"d_state": 256}, "its heads have N = 256 and P = 8, and the kernels hold at most 128 of each"),
    ],
)
def test_insisting_where_it_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    mamba = Mamba3(Mamba3Config(16, **{"d_state": 8, "head_dim": 8, **options}))  # type: ignore[arg-type]
    mamba.backend = "triton"
    with pytest.raises(InvalidValue, match=re.escape(f"the kernels cannot compute this sequence: {message}")):
        mamba(torch.zeros(1, 2, 16))
    mamba.backend = "torch"
    assert mamba(torch.zeros(1, 2, 16)).shape == (1, 2, 16)


def test_float64_is_for_pytorch() -> None:
    mamba = block()
    mamba.backend = "triton"
    with pytest.raises(InvalidValue, match=r"it computes in torch\.float64 or under autocast"):
        mamba(inputs(1, 2))


def test_a_cpu_computes_in_pytorch_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policies.mamba3.kernels.scan.fused_scan", lambda *_: pytest.fail("the kernels were called"))
    mamba, u = block().float(), inputs(1, 2).float()
    assert mamba.backend == "auto"
    mamba(u)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    mamba.backend = "triton"
    with pytest.raises(InvalidValue, match="it lies on cpu, and kernels run on a CUDA device; the backend torch can"):
        mamba(u)


class Elsewhere(Tensor):
    """On a card that is not here."""

    is_cuda = True  # type: ignore[assignment]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], Tensor]:
    """Input that lies on a card of this name and generation."""

    def lying(card: str, generation: int) -> Tensor:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (generation, 0))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: card)
        return inputs(1, 2).float().as_subclass(Elsewhere)

    return lying


def test_blackwell_wants_a_triton_that_compiles_its_gradients(
    elsewhere: Callable[[str, int], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Triton 3.6 takes the forward there, but not the backward."""
    mamba, u = block().float(), elsewhere("B200", available.BLACKWELL)
    monkeypatch.setattr(available, "triton_version", lambda: (3, 6))
    reason = "Triton 3.6 cannot compile the gradients for B200: take 3.9 or later"
    assert available.why_not_fused(mamba, u, None) == reason
    with torch.no_grad():
        assert available.why_not_fused(mamba, u, None) is None
    monkeypatch.setattr(available, "triton_version", lambda: (3, 9))
    assert available.why_not_fused(mamba, u, None) is None


def test_hopper_wants_an_assembler_that_is_right_for_widths_that_were_not_compared(
    elsewhere: Callable[[str, int], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ptxas 12.8 gave N = 128, P = 32 a wrong address, with gradients and without."""
    u = elsewhere("H200", available.HOPPER)
    monkeypatch.setattr(available, "ptxas_version", lambda: (12, 8))
    narrow, compared = (Mamba3(Mamba3Config(64, d_state=128, head_dim=p)) for p in (32, 64))
    assert available.why_not_fused(narrow, u, None) is None
    for mamba in (narrow, compared):
        cast(mamba, torch.bfloat16)
    reason = (
        "ptxas 12.8 may compile N = 128 and P = 32 wrongly for H200: take a newer Triton, or let TRITON_PTXAS_PATH name "
        "a ptxas of 12.9 or later"
    )
    with torch.no_grad():
        assert available.why_not_fused(narrow, u, None) == reason
    assert available.why_not_fused(compared, u, None) is None
    monkeypatch.setattr(available, "ptxas_version", lambda: (12, 9))
    assert available.why_not_fused(narrow, u, None) is None


def test_the_assembler_is_the_one_that_triton_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tool:
        version = "12.8"

    monkeypatch.setattr(
        "triton.backends.nvidia.compiler.get_ptxas", lambda capability: Tool if capability == 90 else None
    )
    assert available.ptxas_version.__wrapped__() == (12, 8)  # past what is remembered


def test_what_is_compiled_around_a_scan_leaves_it_as_it_is(device: torch.device) -> None:
    mamba, _ = pair(device)
    graphs: list[torch.fx.GraphModule] = []

    def kept(graph: torch.fx.GraphModule, _: object) -> Callable[..., object]:
        graphs.append(graph)
        return graph.forward

    @torch.compile(backend=kept)
    def around(u: Tensor) -> Tensor:
        y: Tensor = mamba(u.sin()).cos()
        return y

    u = inputs(1, 3).float().to(device)
    torch.testing.assert_close(around(u), mamba(u.sin()).cos())
    called = [str(node.target) for graph in graphs for node in graph.graph.nodes]
    assert any("sin" in name for name in called)
    assert any("cos" in name for name in called)
    assert not any("linear" in name or "autograd" in name for name in called)  # nothing of the block


def test_an_unknown_backend_is_refused() -> None:
    mamba = block()
    mamba.backend = "tritn"  # type: ignore[assignment]
    with pytest.raises(UnknownName, match=r"no backend of Mamba-3 is called 'tritn'\. Did you mean 'triton'"):
        mamba(inputs(1, 2))


def test_bad_input_is_refused_as_everywhere(device: torch.device) -> None:
    mamba, _ = pair(device)
    with pytest.raises(InvalidValue, match="the input must be"):
        mamba(torch.zeros(1, 2, 9, device=device))
    with pytest.raises(InvalidValue, match="the input must be"):
        mamba(torch.zeros(16, device=device))
    with pytest.raises(InvalidValue, match=re.escape("lengths must lie in 0..2, got [3]")):
        mamba(torch.zeros(1, 2, 16, device=device), lengths=torch.tensor([3], device=device))
