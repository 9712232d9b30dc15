"""The convolution that networks of pixels begin with."""

import pytest

torch = pytest.importorskip("torch")

from jpegtrace_training.networks import NETWORKS  # noqa: E402
from jpegtrace_training.networks.network import FirstConvolution  # noqa: E402


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (2, 3, 16, 16), generator=torch.Generator().manual_seed(1)).float() / 255


def test_mixed_precision_leaves_it_alone(pixels):
    """200 and 201 of 255 are one number in bfloat16."""
    first, plain = FirstConvolution(3, 4, 3), torch.nn.Conv2d(3, 4, 3)
    plain.load_state_dict(first.state_dict())
    with torch.no_grad():
        whole = plain(pixels)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(first(pixels), whole)
            assert not torch.equal(plain(pixels).float(), whole)


def test_high_pass_filters_do_not_see_a_flat_area():
    first = FirstConvolution(3, 4, 3, bias=False)
    before = first.weight.detach().clone()
    first.begin_as_high_pass(2.0)
    with torch.no_grad():
        assert first(torch.full((1, 3, 8, 8), 0.7)).abs().max() < 1e-5
        torch.testing.assert_close(first.weight, 2 * (before - before.mean((2, 3), keepdim=True)))
    assert first.weight.requires_grad


@pytest.mark.parametrize(
    "name",
    [name for name in NETWORKS if not name.startswith(("djpeg-hist", "double-histogram", "manipulation"))],
)
def test_every_network_of_pixels_begins_with_it(name):
    convolutions = [m for m in NETWORKS[name]().modules() if isinstance(m, torch.nn.Conv2d)]
    assert isinstance(convolutions[0], FirstConvolution)
    assert not any(isinstance(m, FirstConvolution) for m in convolutions[1:])
