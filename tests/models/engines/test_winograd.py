"""Quicker convolutions are the plain ones, to a rounding."""

import pytest
import torch
from torch import nn

from models.engines.winograd import WinogradConv, quickened, suits


def conv(channels: int = 128, kernel: int = 3, stride: int = 1, *, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(channels, 128, kernel, stride, padding=1, bias=bias)


@pytest.mark.parametrize(("height", "width"), [(8, 12), (6, 6), (3, 3), (15, 25), (1, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_any_size_of_picture_comes_out_alike(height: int, width: int, *, bias: bool) -> None:
    torch.manual_seed(height)
    plain = conv(bias=bias)
    x = torch.rand(3, 128, height, width)
    with torch.inference_mode():
        quick = WinogradConv(plain)(x)
        assert quick.shape == (3, 128, height, width)
        assert (quick - plain(x)).abs().max() < 1e-4


def test_frames_that_fit_into_no_cache_are_taken_apart() -> None:
    plain = conv()
    x = torch.rand(5, 128, 68, 68)
    with torch.inference_mode():
        assert (WinogradConv(plain)(x) - plain(x)).abs().max() < 1e-4


@pytest.mark.parametrize(
    "other", [conv(64), conv(512), conv(kernel=1), conv(stride=2), nn.Linear(3, 3)]
)
def test_what_would_not_gain_does_not_suit(other: nn.Module) -> None:
    assert not suits(other)


def test_only_what_gains_is_replaced() -> None:
    module = nn.Sequential(conv(), nn.Sequential(conv(64), conv(kernel=1)), conv(stride=2))
    found = [type(each) for each in quickened(module).modules()]
    assert found.count(WinogradConv) == 1
    assert found.count(nn.Conv2d) == 3
