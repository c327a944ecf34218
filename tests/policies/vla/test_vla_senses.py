"""Cameras, objects and words become tokens."""

from __future__ import annotations

import torch
from vla_samples import network_of, seen_of, text_of

from policies.vla.layers import precisely
from policies.vla.senses import Standardise
from policies.vla.vision import Eyes, Keypoints


def test_statistics_make_data_standard_and_leave_constants_small() -> None:
    rows = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([2.0, 0.1, 0.0]) + 5
    layer = Standardise(3)
    torch.testing.assert_close(layer(rows), rows)
    layer.fit(rows)
    torch.testing.assert_close(layer(rows).mean(0), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(layer(rows).std(0, correction=0), torch.tensor([1.0, 1.0, 0.0]), rtol=0, atol=1e-4)


@torch.inference_mode()
def test_each_camera_and_each_place_has_its_own_tokens() -> None:
    network = network_of(inputs="pixels")
    config = network.config
    seen = seen_of(config, 1, 1)
    _, _, condition = network.text(text_of(config, 1))
    before = network.senses(seen, condition)
    assert before.shape == (1, 1, 3 * 4 + 2, config.width)
    assert seen.images is not None
    seen.images[0, 0, 1] = 255 - seen.images[0, 0, 1]
    changed = (network.senses(seen, condition) - before).abs().amax(-1)[0, 0] > 0
    wanted = [False] * 4 + [True] * 4 + [False] * 5 + [True]  # and what is read out
    assert changed.tolist() == wanted


@torch.inference_mode()
def test_the_same_picture_from_another_camera_looks_different() -> None:
    network = network_of(inputs="pixels")
    seen = seen_of(network.config, 1, 1)
    assert seen.images is not None
    seen.images[:] = seen.images[:, :, :1].clone()
    eyes = network.senses(seen, network.text(text_of(network.config, 1))[2])[0, 0, :12].view(3, 4, -1)
    assert (eyes[0] - eyes[1]).abs().max() > 1e-3


@torch.inference_mode()
def test_the_instruction_changes_what_the_eyes_look_for() -> None:
    network = network_of(inputs="pixels")
    eyes = network.senses.cameras.eyes  # type: ignore[union-attr]
    assert isinstance(eyes, Eyes)
    images = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    conditions = torch.randn(2, 1, network.config.text_width).expand(2, 2, -1)
    for one, other, shape in zip(*(eyes(images, c) for c in conditions), ((4, 32), (4, 2)), strict=True):
        assert one.shape == (2, *shape)
        assert (one - other).abs().max() > 1e-3


@torch.inference_mode()
def test_a_keypoint_tells_where_its_thing_is() -> None:
    points = Keypoints(channels=2, points=2)
    points.looks.weight.copy_(50 * torch.eye(2)[..., None, None])
    points.looks.bias.zero_()  # type: ignore[union-attr]
    x = torch.zeros(1, 2, 5, 3)
    x[0, 0, 1, 2] = 1.0
    x[0, 1, 2, 1] = x[0, 1, 3, 1] = 1.0  # half a place below the middle
    places = torch.tensor([[[-0.5, 1.0], [0.25, 0.0]]])
    torch.testing.assert_close(points(x), places, rtol=0, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert points(x).dtype == torch.float32


@torch.inference_mode()
def test_the_instruction_changes_what_is_made_of_numbers() -> None:
    for inputs in ("pixels", "state"):
        network = network_of(inputs=inputs)
        numbers = torch.randn(1, 2, network.config.numbers)
        one, other = (network.senses.overview(numbers, c) for c in torch.randn(2, 1, network.config.text_width))
        assert (one - other).abs().max() > 1e-3


@torch.inference_mode()
def test_places_are_not_rounded_under_autocast() -> None:
    layer, x = torch.nn.Linear(7, 5), torch.randn(3, 7)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(precisely(layer, x), layer.weight.mul(x[:, None]).sum(-1) + layer.bias)
        assert layer(x).dtype == torch.bfloat16


@torch.inference_mode()
def test_an_empty_slot_is_no_object_at_the_origin() -> None:
    network = network_of(inputs="state")
    objects = torch.zeros(1, 1, 3, 7)
    objects[0, 0, 1, 3] = 1.0  # upright at the origin
    tokens, numbers = network.senses.objects(objects)  # type: ignore[misc]
    tokens = tokens[0, 0] - network.senses.objects.slot  # type: ignore[union-attr]
    torch.testing.assert_close(tokens[0], tokens[2])
    assert (tokens[0] - tokens[1]).abs().max() > 1e-3
    assert numbers.unflatten(-1, (3, 7))[0, 0].any(-1).tolist() == [False, True, False]


def test_pictures_stay_channels_last() -> None:
    """Every convolution is handed channels that lie side by side, as it is quickest. (On a GPU, GroupNorm undoes it.)"""
    network = network_of(inputs="pixels")
    strides: list[bool] = []
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            assert layer.weight.is_contiguous(memory_format=torch.channels_last)
            layer.register_forward_pre_hook(
                lambda _, given: strides.append(given[0].stride(1) == 1)  # one that was thinned out has gaps
            )
    with torch.inference_mode():
        network(text_of(network.config, 1), seen_of(network.config, 1, 2))
    assert len(strides) == 9
    assert all(strides)
