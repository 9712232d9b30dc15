"""What was done before the last compression is planted and recovered; what cannot be told is not told."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from checks.pictures import as_file, scene
from jpegtrace.analyses.manipulation import Params, manipulation
from jpegtrace.chain import simulate
from jpegtrace.errors import UnsupportedFormat, UsageError
from jpegtrace.findings import Level, Status
from jpegtrace.manipulation import grid
from jpegtrace.picture import Picture

SHOWN = {
    "sigma": ["power of neighbouring pixels"],
    "size": ["echoes of differences", "what a further median leaves as it is"],
    "noise": ["power of neighbouring pixels"],
}


def done(chain, seed=1, rows=400, cols=480, last=92):
    return Picture.open(simulate(scene(seed, rows, cols), f"jpeg:96 | {chain} | jpeg:{last}").data)


@pytest.mark.parametrize("factor", [1.2, 1.5])
def test_an_enlargement_is_found_with_its_factor(factor):
    found = manipulation(done(f"resize:{factor},bilinear"))
    assert found.status is Status.OK
    assert found.manipulated
    assert found.operation in ("resized", "resized and blurred")
    assert found.factor["low"] <= found.factor["value"] <= found.factor["high"]
    assert found.factor["value"] == pytest.approx(factor, rel=0.02)
    assert f"{found.factor['value']:.4g} times" in found.summary


def test_the_trace_is_shown():
    (plot, *_) = manipulation(done("resize:1.5,bilinear")).plots
    ((place, words),) = plot.marks
    assert place == pytest.approx(1 / 3, abs=0.01)
    assert words.startswith("expected for a factor of 1.")
    assert abs(plot.x[plot.y.argmax()] - place) < 0.01


@pytest.mark.parametrize(
    ("chain", "operation", "head", "low", "high"),
    [
        ("blur:gauss,11", "blurred", "sigma", 1.6, 2.4),
        ("median:5", "median", "size", 4, 6.9),
        ("noise:30", "noise", "noise", 24, 42),  # the scene has grain of its own
    ],
)
def test_other_operations_are_found(chain, operation, head, low, high):
    found = manipulation(done(chain, seed=2))
    assert (found.manipulated, found.operation) == (True, operation)
    assert low < found.values[head]["value"] < high
    others = {"factor", "sigma", "size", "noise"} - {head}
    assert [found.values[other] for other in others] == [None] * 3
    assert [plot.name for plot in found.plots] == SHOWN[head]


@pytest.mark.parametrize("window", [5, 9, 13])
def test_the_dip_of_a_median_is_at_its_mark(window):
    plot = manipulation(done(f"median:{window}", seed=2)).plots[0]
    ((place, words),) = plot.marks
    assert (place, words) == (window, f"expected for a window of {window} pixels")
    around = plot.y[window - 4 : window + 3]  # 3 pixels on each side
    assert plot.x[window - 4 + around.argmin()] == pytest.approx(window, abs=1)
    assert around.min() < 0


def test_probabilities_are_those_of_the_grid():
    found = manipulation(done("median:3"))
    assert list(found.probabilities) == list(grid.OPERATIONS)
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-3)


def test_thresholds_decide():
    picture = done("resize:1.2,bilinear")
    never = manipulation(picture, Params(manipulated_from=1.1))
    assert never.status is Status.INCONCLUSIVE
    assert (never.manipulated, never.operation, never.factor, never.plots) == (None, None, None, ())


def test_pieces_are_limited():
    picture = done("resize:1.5,bilinear", rows=520, cols=600)
    assert manipulation(picture).pieces == 16
    assert manipulation(picture, Params(most_pieces=3)).pieces == 3


def test_pixels_without_their_file_are_asked_where_the_last_grid_is_found():
    decoded = simulate(scene(3, 420, 420), "jpeg:96 | resize:1.5,bilinear | jpeg:85 | crop:3,5").pixels
    found = manipulation(Picture.open(as_file(decoded, "PNG")))
    assert found.factor["value"] == pytest.approx(1.5, rel=0.02)


@pytest.mark.parametrize("rows", [40, 135])
def test_small_pictures_cannot_tell(rows):
    found = manipulation(Picture.open(as_file(scene(4, rows, 300), quality=90)))
    assert found.status is Status.INCONCLUSIVE
    assert "smaller than 136 pixels" in found.summary


def test_flat_pictures_cannot_tell():
    found = manipulation(Picture.open(as_file(np.full((200, 200, 3), 90, np.uint8), quality=90)))
    assert found.status is Status.INCONCLUSIVE


def test_a_page_of_text_cannot_tell():
    page = Image.new("RGB", (480, 480), "white")
    for top in range(8, 460, 18):
        ImageDraw.Draw(page).text((8, top), "of all that is written here nothing was photographed " * 2, fill="black")
    found = manipulation(Picture.open(as_file(np.asarray(page), quality=85)))
    assert found.status is Status.INCONCLUSIVE
    assert "drawn" in found.summary


def test_what_was_never_jpeg_is_not_asked():
    assert manipulation(Picture.open(as_file(scene(5, 200, 200), "PNG"))).status is Status.NOT_APPLICABLE


def test_parts_with_different_pasts_are_told():
    """The left half went through a median, the right half has noise, each sure of it."""
    base = scene(6, 512, 1024)
    halves = [simulate(base, chain).pixels for chain in ("median:7", "noise:30")]
    both = np.concatenate([halves[0][:, :512], halves[1][:, 512:]], 1)
    found = manipulation(Picture.open(as_file(both, quality=95)))
    remark = found.remarks[0]
    assert remark.level is Level.NOTICE
    assert "of 8 pieces" in remark.text
    assert "4 seem to have been median-filtered and" in remark.text
    assert "seem to have been given noise" in remark.text
    left, right = remark.evidence.split("given noise: ")
    assert "column 256" in left
    assert "column 512" not in left
    assert "column 256" not in right
    assert "column 512" in right


def test_none_is_not_said_where_many_pieces_show_an_operation():
    """Thresholds of one half: a third of the pieces went through a median, of the whole that is too little."""
    base = scene(6, 512, 768)
    both = np.concatenate([simulate(base, "median:5").pixels[:, :256], base[:, 256:]], 1)
    found = manipulation(Picture.open(as_file(both, quality=95)), Params(manipulated_from=0.9, none_from=0.0))
    assert "of 6 pieces 2 show an operation" in found.remarks[0].text
    assert found.status is Status.INCONCLUSIVE
    assert "its parts differ" in found.summary
    assert (found.manipulated, found.operation, found.probability) == (None, None, None)


class TestMap:
    def test_a_pasted_enlargement_stands_out(self):
        """The left half is enlarged, the right half is not."""
        rng = np.random.default_rng(0)
        base = np.clip(scene(6, 384, 768).astype(float) + rng.normal(0, 12, (384, 768, 3)), 0, 255).astype(np.uint8)
        enlarged = simulate(base, "resize:1.5,bilinear").pixels[:384, :384]
        both = np.concatenate([enlarged, base[:, 384:]], 1)
        operation, likely, factor = manipulation.maps_of(Picture.open(as_file(both, quality=95)), stride=32)
        assert operation.values.shape == likely.values.shape == factor.values.shape == (12, 24)
        left, right = likely.values[2:-2, 2:8], likely.values[2:-2, 16:-2]
        assert np.median(left) > 0.9
        assert np.median(left) > np.median(right)
        told = factor.values[2:-2, 2:8]
        assert np.nanmedian(told) == pytest.approx(1.5, rel=0.03)

    def test_refused(self):
        with pytest.raises(UnsupportedFormat):
            manipulation.maps_of(Picture.open(as_file(scene(5, 200, 200), "PNG")))
        with pytest.raises(UnsupportedFormat):
            manipulation.maps_of(Picture.open(as_file(scene(5, 64, 64), quality=80)))
        with pytest.raises(UsageError):
            manipulation.maps_of(done("median:3"), stride=0)
