"""Attacks: the equations of their papers, and labels on everything that comes out."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jpegtrace.chain import _kernels
from jpegtrace.errors import CorruptInput, JpegtraceError, UnsupportedFormat, UsageError
from jpegtrace.networks import published
from jpegtrace.picture import Picture
from jpegtrace.stress import attacking
from jpegtrace.stress.attacking import CHUNK, attack, write_attacked
from jpegtrace.stress.attacks import ATTACKS, af_edsr, dither, dither_median, tv
from jpegtrace.stress.attacks._blocks import blocks_of, coefficients_of, plane_of, samples_of
from jpegtrace.stress.detectors import DETECTORS
from jpegtrace.tables import ijg_table
from support.jpegs import Part, cut, pillow_jpeg, random_parts, scan_span, with_segment, without, write_jpeg
from support.pictures import scene
from support.rasters import pillow

TABLE = ijg_table(60)
WITHOUT_WEIGHTS = ("dither", "dither-median", "tv")


def opened(height=72, width=104, **options):
    return Picture.open(pillow_jpeg(height, width, **options))


def luma_of(picture):
    component = picture.coefficients.components[0]
    return component.blocks, component.table


def in_their_bins(coefficients, blocks, table, margin=0.0):
    return np.abs(coefficients - blocks * table.astype(float)) <= (0.5 + margin) * table + 1e-9


def test_planes_are_those_of_the_decoder():
    picture = opened(mode="L")
    blocks, table = luma_of(picture)
    samples = samples_of(plane_of(blocks * table.astype(float)))
    np.testing.assert_allclose(samples, picture.planes()[0], atol=1e-3)
    np.testing.assert_allclose(blocks_of(coefficients_of(samples)), blocks * table.astype(float), atol=1e-9)


def test_rate_by_hand():
    # Three coefficients 0, 1, -1 with step 4: 7 t^2 + t - 2 = 0.
    blocks = np.zeros((1, 3, 8, 8), int)
    blocks[0, :, 0, 1] = 0, 1, -1
    rates = dither.laplacian_rates(blocks, np.full((8, 8), 4))
    t = (np.sqrt(57) - 1) / 14
    assert rates[0, 1] == pytest.approx(-np.log(t) / 2)
    assert np.isinf(np.delete(rates.ravel(), 1)).all()


def test_rate_is_where_the_likelihood_is_largest():
    rng = np.random.default_rng(4)
    stored = np.rint(rng.laplace(0, 9, 400) / 7).astype(int)
    blocks = np.broadcast_to(stored[:, None, None], (400, 8, 8))[None]
    best = dither.laplacian_rates(blocks, np.full((8, 8), 7))[2, 3]

    def likelihood(rate):
        edges = 7 * (np.abs(stored) - 0.5)
        inside = np.where(stored == 0, 1 - np.exp(-3.5 * rate), np.exp(-rate * edges) * (1 - np.exp(-7 * rate)) / 2)
        return np.log(inside).sum()

    assert likelihood(best) > max(likelihood(0.999 * best), likelihood(1.001 * best))


@pytest.mark.parametrize(("scale", "step"), [(3.0, 10), (12.0, 10), (40.0, 5), (2.0, 1)])
def test_planted_rate_is_recovered(scale, step):
    values = np.random.default_rng(5).laplace(0, scale, (100, 100, 8, 8))
    rates = dither.laplacian_rates(np.rint(values / step).astype(int), np.full((8, 8), step))
    np.testing.assert_allclose(rates, 1 / scale, rtol=0.1)


def test_dither_stays_in_the_bins_and_leaves_zero_bands():
    blocks, table = luma_of(opened(160, 160, mode="L", quality=60))
    assert (blocks != 0).any((0, 1)).sum() in range(10, 64)
    found = blocks_of(coefficients_of(dither.dither(blocks, table, 3)))
    assert in_their_bins(found, blocks, table).all()
    zero = (blocks == 0).all((0, 1))
    assert np.abs(found[:, :, zero]).max() < 1e-9
    assert np.abs(found - blocks * table.astype(float))[:, :, ~zero].max(0).min() > 0


def test_dither_makes_a_laplacian_of_its_quantized_values():
    rng = np.random.default_rng(6)
    before = rng.laplace(0, 8, 40_000)
    stored = np.rint(before / 12).astype(int)
    after = dither.dithered(stored, 12, np.full(stored.shape, 1 / 8), rng)
    np.testing.assert_array_equal(np.rint(after / 12), stored)
    edges = np.arange(-60, 61, 2)
    expected = np.diff(np.where(edges < 0, np.exp(edges / 8) / 2, 1 - np.exp(-edges / 8) / 2)) * len(before)
    counts = np.histogram(after, edges)[0]
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected) + 5).all()


def test_dither_of_extreme_rates():
    stored = np.array([-2, 0, 0, 3])
    rng = np.random.default_rng(7)
    uniform = np.array([dither.dithered(stored, 10, np.zeros(4), rng) for _ in range(2000)])
    assert np.abs(uniform - 10 * stored).max() <= 5
    np.testing.assert_allclose(uniform.std(0), 10 / np.sqrt(12), rtol=0.05)
    np.testing.assert_allclose(uniform.mean(0), 10 * stored, atol=0.4)
    np.testing.assert_array_equal(dither.dithered(stored, 10, np.full(4, np.inf), rng), [-15, 0, 0, 25])


def test_noise_after_the_median_has_its_variance():
    flat = np.zeros((20, 20, 8, 8), int)
    plane = dither_median.dither_median(flat, np.ones((8, 8), int), 1, variance=9.0)
    # A dither of DC by half a level is an eighth of that in a sample, and rounded away.
    assert plane.mean() == pytest.approx(128, abs=0.1)
    assert plane.std() == pytest.approx(3, rel=0.03)


def test_subgradient_is_the_derivative():
    rng = np.random.default_rng(8)
    picture, direction = rng.uniform(0, 255, (24, 16)), rng.normal(size=(24, 16))
    _, gradient = tv.energy(picture, 1.5)
    difference = tv.energy(picture + 1e-6 * direction, 1.5)[0] - tv.energy(picture - 1e-6 * direction, 1.5)[0]
    assert difference / 2e-6 == pytest.approx((gradient * direction).sum(), rel=1e-5)
    assert tv.SIDES.sum() == 0
    level, still = tv.energy(np.full((8, 8), 7.0), 1.5)
    assert level == 0
    assert not still.any()


def test_border_excess_by_hand():
    # A step of 8 between two blocks: e is 8 in both columns beside it, that is at 8 of the 16 pixels in a row of blocks
    # that are next to a border there, and nowhere else.
    step = np.repeat([[0.0, 8.0]], 8, axis=1).repeat(8, axis=0)
    assert tv.border_excess(step) == pytest.approx(8 * 16 / 64)


@pytest.mark.parametrize("quality", [30, 60])
def test_first_round_stays_in_the_bins_and_takes_the_borders_away(quality):
    picture = opened(96, 96, mode="L", quality=quality)
    blocks, table = luma_of(picture)
    before, after = picture.planes()[0].astype(float), tv.first_round(blocks, table)
    assert in_their_bins(blocks_of(coefficients_of(after)), blocks, table).all()
    assert abs(tv.border_excess(after)) < 0.2 * tv.border_excess(before)
    assert tv.energy(after, tv.FIRST_WEIGHT)[0] < tv.energy(before, tv.FIRST_WEIGHT)[0]


def test_smooth_histograms_keep_bins_and_order():
    blocks, table = luma_of(opened(160, 160, mode="L", quality=75))
    deblocked = blocks_of(coefficients_of(tv.first_round(blocks, table)))
    found = tv.smoothed(deblocked, blocks, table, np.random.default_rng(9))
    assert in_their_bins(found, blocks, table).all()
    changed = (found != deblocked).any((0, 1))
    assert changed[0, 0]
    assert changed[0, 1]
    assert not changed.all()
    for row, col in ((0, 0), (0, 1)):
        for value in np.unique(blocks[:, :, row, col]):
            here = blocks[:, :, row, col] == value
            order = np.argsort(deblocked[here, row, col], kind="stable")
            assert (np.diff(found[here, row, col][order]) >= 0).all()


def test_local_rates_by_hand():
    # 40 zeros, 12 of magnitude 1, 6 of 2, 7 of 3: with half a coefficient more in each bin.
    bins = np.repeat([0, 1, -1, 2, 3, -3], [40, 5, 7, 6, 3, 4])
    rates = tv.local_rates(bins, 4, 0.3)
    np.testing.assert_allclose(
        rates, [0.3, np.log(12.5 / 6.5) / 4, np.log(12.5 / 7.5) / 8, np.log(6.5 / 0.5) / 8], rtol=1e-12
    )
    rising = tv.local_rates(np.repeat([1, 2, 3], [2, 5, 9]), 4, 0.3)
    assert rising[1] == rising[2] == 0


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_attacks_depend_on_nothing_but_the_seed(name):
    blocks, table = luma_of(opened(mode="L"))
    first, again, other = (ATTACKS[name].run(blocks, table, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == (72, 104)
    assert first.dtype == np.float64
    assert (first != np.rint(first)).any()


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
@pytest.mark.parametrize("size", [(17, 23), (1, 1), (64, 48)])
@pytest.mark.parametrize("options", [{"mode": "L"}, {"subsampling": 2}, {"subsampling": 0}], ids=["grey", "420", "444"])
def test_any_size_grey_and_colour(name, size, options):
    picture = opened(*size, quality=80, **options)
    found = attack(picture, name, seed=5)
    assert found.pixels.shape == picture.raster.pixels.shape
    assert found.pixels.dtype == np.uint8
    assert found.psnr is None or found.psnr > 20
    assert found.sha256 == picture.sha256
    attacked_planes = {operation.parameters.get("component") for operation in found.operations} - {None}
    assert attacked_planes == ({0} if "mode" in options else {0, 1, 2})
    again = attack(picture, name, seed=5)
    np.testing.assert_array_equal(found.pixels, again.pixels)
    assert found.to_dict() == again.to_dict()


def decoded(blocks, table, seed):
    plane = np.empty((8 * blocks.shape[0], 8 * blocks.shape[1]), np.uint8)
    _kernels.inverse(blocks.copy(), table.astype(np.int32), plane)
    return plane.astype(float)


@pytest.mark.parametrize("chroma", [True, False])
@pytest.mark.parametrize(
    "options", [{"mode": "L"}, *({"subsampling": s} for s in (0, 1, 2, "4:1:1"))], ids=lambda o: str(*o.values())
)
@pytest.mark.parametrize("size", [(41, 59), (9, 3)])
def test_where_nothing_is_done_all_is_as_decoded(monkeypatch, chroma, options, size):
    nothing = replace(ATTACKS["dither"], run=decoded, operations=lambda table: (), chroma=chroma)
    monkeypatch.setattr(attacking, "ATTACKS", {"nothing": nothing})
    picture = opened(*size, **options)
    found = attack(picture, "nothing")
    np.testing.assert_array_equal(found.pixels, picture.raster.pixels)
    assert found.psnr is None
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["psnr"] is None


def test_luma_alone_leaves_the_decoders_chroma(monkeypatch):
    seen = []

    def network(pixels, table, quality):
        seen.append((pixels.shape, quality))
        return pixels.astype(np.float32)

    monkeypatch.setattr(published, "af_edsr", network)
    monkeypatch.setattr(af_edsr, "card", lambda name: type("Card", (), {"sha256": "0" * 64}))
    picture = opened(17, 23, quality=74, subsampling=2)
    found = attack(picture, "af-edsr")
    assert seen == [((24, 24), 70)]
    assert [step.name for step in found.operations] == ["decode", "af-edsr", "round-and-clip", "ycbcr-to-rgb"]
    parameters = {"component": 0, "weights": "af-edsr-70", "sha256": "0" * 64, "strength": 1.0}
    assert found.operations[1].parameters == parameters
    assert np.abs(found.pixels.astype(int) - picture.raster.pixels).max() <= 1


@pytest.mark.parametrize(("quality", "change"), [(50, 10), (70, 10), (80, 9), (90, 8)])
def test_a_share_of_the_networks_change_is_made(monkeypatch, quality, change):
    monkeypatch.setattr(published, "af_edsr", lambda pixels, *_: pixels + 10)
    blocks = np.zeros((2, 3, 8, 8), np.int16)
    found = af_edsr.af_edsr(blocks, ijg_table(quality), seed=0)
    np.testing.assert_allclose(found, 128 + change, atol=1e-6)
    assert af_edsr.operations(ijg_table(quality))[0].parameters["strength"] == change / 10


def test_network_for_a_table():
    assert [af_edsr.quality_for(ijg_table(q)) for q in (10, 54, 56, 66, 75, 86, 100)] == [50, 50, 60, 70, 70, 90, 90]


def test_network_without_weights_says_so(monkeypatch):
    monkeypatch.setattr(af_edsr, "quality_for", lambda _: 85)
    monkeypatch.setitem(af_edsr.STRENGTHS, 85, 1.0)
    with pytest.raises(JpegtraceError, match=r"weights.*'af-edsr-85'"):
        attack(opened(mode="L", quality=85), "af-edsr")


@pytest.mark.parametrize("quality", af_edsr.QUALITIES)
def test_the_networks_take_traces_away_and_stay_near(quality):
    """Borders of blocks, empty bins and the turn of the variation, by detectors; the picture by its PSNR."""
    picture = opened(256, 256, mode="L", quality=quality)
    found = attack(picture, "af-edsr")
    before = picture.raster.pixels.astype(np.uint8)
    for name in ("K_F", "K_FQ", "K_V"):
        assert DETECTORS[name](found.pixels) < 0.9 * DETECTORS[name](before)
    assert 28 < found.psnr < 60
    assert found.operations[1].parameters["weights"] == f"af-edsr-{quality}"
    np.testing.assert_array_equal(attack(picture, "af-edsr", seed=5).pixels, found.pixels)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_label_in_the_file_and_beside_it(tmp_path, mode):
    picture = opened(17, 23, mode=mode)
    found = attack(picture, "dither-median", seed=3)
    target = tmp_path / "attacked.png"
    assert write_attacked(found, target) == tmp_path / "attacked.json"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attacked.json", "attacked.png"]
    with Image.open(target) as image:
        np.testing.assert_array_equal(np.asarray(image), found.pixels)
        inside = json.loads(image.text[CHUNK])
    beside = json.loads((tmp_path / "attacked.json").read_text(encoding="utf-8"))
    assert inside == found.to_dict()
    assert {key: beside[key] for key in inside} == inside
    assert beside["file"] == "attacked.png"
    assert inside["input-sha256"] == picture.sha256
    assert (inside["attack"], inside["seed"]) == ("dither-median", 3)
    names = [step["name"] for step in inside["operations"] if step["parameters"].get("component") == 0]
    assert names == ["dither", "round-and-clip", "median", "noise", "round-and-clip"]
    np.testing.assert_array_equal(Picture.open(target).raster.pixels, found.pixels)


def test_files_are_replaced_whole_or_not_at_all(tmp_path):
    found = attack(opened(8, 8, mode="L"), "dither")
    for name in ("a.jpg", "a.json", "a", "a.png.txt"):
        with pytest.raises(UsageError, match=r"call it \*\.png"):
            write_attacked(found, tmp_path / name)
    with pytest.raises(UsageError, match="cannot write"):
        write_attacked(found, tmp_path / "nowhere" / "a.png")
    (tmp_path / "a.json").mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        write_attacked(found, tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    (tmp_path / "a.json").rmdir()
    for _ in range(2):
        write_attacked(found, str(tmp_path / "a.png"))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_that_is_no_label_is_left_alone(tmp_path):
    found = attack(opened(), "dither")
    other = tmp_path / "keep.json"
    for content in (b'{"purpose": "mine"}', b"[1]", b"\xff no JSON"):
        other.write_bytes(content)
        with pytest.raises(UsageError, match=r"^the label would replace .*keep.json, which is something else"):
            write_attacked(found, tmp_path / "keep.png")
        assert other.read_bytes() == content
        assert not (tmp_path / "keep.png").exists()
    other.unlink()
    for _ in range(2):
        write_attacked(found, tmp_path / "keep.png")  # labels are replaced


def test_wrong_calls():
    picture = opened(8, 8)
    with pytest.raises(UsageError, match="did you mean 'dither'"):
        attack(picture, "dithr")
    with pytest.raises(UsageError, match="there are: dither, dither-median, tv, af-edsr"):
        attack(picture, "sharpen")
    with pytest.raises(UsageError, match="not negative"):
        attack(picture, "dither", seed=-1)


def test_what_is_no_jpeg_or_none_that_we_decode():
    with pytest.raises(UnsupportedFormat, match=r"photo: .*no JPEG coefficients"):
        attack(Picture.open(pillow(Image.fromarray(scene()), "PNG"), name="photo"), "tv")
    with pytest.raises(UnsupportedFormat, match="only grey and YCbCr"):
        attack(opened(mode="CMYK"), "tv")
    plain = without(pillow_jpeg(), 0xE0)
    rgb = with_segment(plain, 0xEE, b"Adobe\0\x64\0\0\0\0\0")
    with pytest.raises(UnsupportedFormat, match="only grey and YCbCr"):
        attack(Picture.open(rgb), "tv")
    uneven = write_jpeg(40, 40, random_parts(40, 40, [(3, 1), (2, 1), (1, 1)]))
    with pytest.raises(UnsupportedFormat, match="whole numbers"):
        attack(Picture.open(uneven), "tv")


def test_damaged_files():
    data = pillow_jpeg()
    start, end = scan_span(data)
    with pytest.raises(CorruptInput, match="blocks can be trusted"):
        attack(Picture.open(data[: (start + end) // 2]), "dither")
    with pytest.raises(CorruptInput, match="no quantization table"):
        attack(Picture.open(b"".join(piece for piece in cut(data) if piece[1] != 0xDB)), "dither")


def test_components_of_one_plane_and_strange_factors():
    # A grey picture may have any factors; they mean nothing.
    part = Part(random_parts(20, 20, [(1, 1)])[0].blocks, 2, 2)
    picture = Picture.open(write_jpeg(20, 20, [part]))
    assert attack(picture, "dither").pixels.shape == (20, 20)
