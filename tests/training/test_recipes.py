"""Every recipe learns on one batch and is exported; its samples show what their labels say, by means of their own.

Mostly by the lattice: coefficients of what was compressed lie near multiples of its steps, on its grid alone.
"""

import io
from collections import Counter
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pytest
import scipy.fft
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from jpegtrace.chain.codec import Planes, decompress  # noqa: E402
from jpegtrace.errors import JpegtraceError, UsageError  # noqa: E402
from jpegtrace.lattice.first_steps import STEPS  # noqa: E402
from jpegtrace.tables import ijg_table, usual_tables  # noqa: E402
from jpegtrace_training import recipes as recipes_package  # noqa: E402
from jpegtrace_training.histories import QUALITY  # noqa: E402
from jpegtrace_training.manipulations import draw as draw_manipulated  # noqa: E402
from jpegtrace_training.networks.djpeg_hist import Histogram  # noqa: E402
from jpegtrace_training.networks.network import Network  # noqa: E402
from jpegtrace_training.recipes import djpeg, find, q1_dense, recipes  # noqa: E402
from jpegtrace_training.smoke import QUARTERS, SmokeFailed, smoke  # noqa: E402
from support import tiny_training as tiny  # noqa: E402
from support.pictures import scene  # noqa: E402

RECIPES = recipes()
PICTURES = [scene(336, 352, seed) for seed in range(3)]
FIRST_IN_ZIGZAG = (
    (0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0), (4, 0), (3, 1), (2, 2), (1, 3),
    (0, 4),
)  # fmt: skip
RED_GREEN_BLUE = (0.299, 0.587, 0.114)


def drawn(name, count, seed=1, side=64, pictures=PICTURES):
    return RECIPES[name].draw(pictures, count, np.random.default_rng(seed), side)


def luminance(pixels):
    """Of (3, h, w) or (1, h, w)."""
    return np.tensordot(RED_GREEN_BLUE, pixels, 1) if len(pixels) == 3 else pixels[0]


def off_lattice(plane, table):
    """Mean distance of coefficients from multiples of the steps, in steps, for every place where a grid may begin."""
    found = np.empty((8, 8))
    for top, left in np.ndindex(8, 8):
        rows, cols = (plane.shape[0] - top) // 8, (plane.shape[1] - left) // 8
        cut = plane[top : top + 8 * rows, left : left + 8 * cols].astype(float) - 128
        blocks = cut.reshape(rows, 8, cols, 8).swapaxes(1, 2)
        steps = scipy.fft.dctn(blocks, axes=(2, 3), norm="ortho") / table
        used = (np.abs(steps) > 0.5) & (table >= 4)
        used[..., 0, 0] = False
        found[top, left] = np.abs(steps - np.rint(steps))[used].mean()
    return found


def place_of(found):
    return tuple(int(place) for place in np.unravel_index(found.argmin(), found.shape))


class TestSmoke:
    @pytest.mark.parametrize("name", RECIPES)
    def test_every_recipe(self, name, tmp_path):
        told = smoke(RECIPES[name], folder=tmp_path)
        assert told.startswith(f"{name}: the loss fell from ")
        assert {path.name for path in tmp_path.iterdir()} >= {"last.pt", "best.pt", "metrics.csv", f"{name}.onnx"}

    @pytest.fixture
    def easy(self):
        """A network that halves its loss in a trial."""
        return tiny.recipe(smoke_steps=16)

    def test_the_sentence(self, easy):
        words = smoke(easy).replace(",", "").split()
        assert " ".join(words[:5]) == "tiny: the loss fell from"
        assert float(words[7]) < 0.9 * float(words[5])
        assert " ".join(words[8:15]) == "in 16 steps the exported network differs"
        assert float(words[16]) < 1e-5
        assert smoke(easy).rsplit(",", 1)[0] == smoke(easy).rsplit(",", 1)[0] != smoke(easy, seed=1).rsplit(",", 1)[0]

    def test_one_batch_over_and_over(self, easy):
        seen = []

        def loss(model, batch):
            seen.append(batch["pixels"].numpy())
            return tiny.loss(model, batch)

        smoke(replace(easy, loss=loss))
        assert len(seen) == 16
        for pixels in seen:
            np.testing.assert_array_equal(pixels, seen[0])

    @pytest.mark.parametrize("what", ["nothing moves", "the network is not asked", "it grows"])
    def test_what_does_not_learn_is_reported(self, easy, what):
        def unasked(model, batch):
            return {"loss": batch["contrast"].mean() + 0 * model.last.bias.sum()}

        def downhill(model, batch):
            return {"loss": (-model.last.bias).exp().sum()}

        def upwards(parameters, rate):
            return torch.optim.SGD(parameters, rate, maximize=True)

        planted = {
            "nothing moves": replace(easy, smoke_rate=1e-12),
            "the network is not asked": replace(easy, loss=unasked),
            "it grows": replace(easy, loss=downhill, optimiser=upwards),
        }
        with pytest.raises(SmokeFailed, match=r"tiny: the loss went from \S+ to \S+: it does not learn"):
            smoke(planted[what])

    def test_a_loss_that_is_no_number_is_reported(self, easy):
        def broken(model, batch):
            return {"loss": tiny.loss(model, batch)["loss"] * float("nan")}

        with pytest.raises(JpegtraceError, match="tiny: the mean loss is nan at step 4"):
            smoke(replace(easy, loss=broken))

    @pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
    def test_an_export_that_disagrees_is_reported(self, easy, tmp_path):
        class Forgetful(tiny.Tiny):
            def forward(self, pixels):
                return super().forward(pixels) + float(pixels[0, 0, 0, 0])

        with pytest.raises(SmokeFailed, match="tiny: the exported network differs by"):
            smoke(replace(easy, network=Forgetful, smoke_rate=0.3), folder=tmp_path)
        assert not list(tmp_path.glob("*.onnx"))


class TestRegistry:
    def test_every_recipe_of_every_file_is_there_once(self):
        names = []
        for module in iter_modules(recipes_package.__path__):
            loaded = import_module(f"{recipes_package.__name__}.{module.name}")
            names += [recipe.id for recipe in getattr(loaded, "RECIPES", None) or [loaded.RECIPE]]
        assert [name for name, times in Counter(names).items() if times > 1] == []
        assert sorted(names) == sorted(RECIPES)
        assert {
            "q1-dense", "q1-dense-80-reg-code", "qf-pixel", "af-edsr-50", "djpeg-hist-2018-shifted", "djpeg-srnet",
            "manip-mper-median", "manipulation",
        } < set(RECIPES)  # fmt: skip

    def test_each_is_found(self):
        assert [find(name).id for name in RECIPES] == list(RECIPES)

    def test_of_another_name_all_are_told(self):
        with pytest.raises(UsageError) as caught:
            find("qf-pixle")
        assert str(caught.value) == f"there is no recipe 'qf-pixle'; there are: {', '.join(RECIPES)}"

    @pytest.mark.parametrize("name", RECIPES)
    def test_declared(self, name):
        recipe = RECIPES[name]
        assert recipe.title
        assert len(recipe.paper) > 20
        assert recipe.better[1] in ("lower", "higher")
        assert 0 < recipe.drop <= 1
        assert recipe.side <= recipe.least
        assert recipe.published > 100 * recipe.batch
        assert recipe.rate > 0
        assert recipe.smoke_steps % QUARTERS == 0  # every line of the trial is a mean of as many steps


FAMILIES = ("q1-dense", "qf-pixel", "af-edsr", "djpeg-hist", "djpeg-srnet", "double-histogram", "manip")


def family(name):
    return next(part for part in FAMILIES if name.startswith(part))


def shapes(name, side):
    """Name to shape of a sample, kind, lowest and highest value."""
    pixels = ("uint8", 0, 255)
    table = ((64,), "float32", 1, 255)
    channels = 1 if name.endswith("-code") else 3
    return {
        "q1-dense": {"pixels": ((channels, side, side), *pixels), "first": ((15,), "int64", 1, 40)},
        "qf-pixel": {
            "pixels": ((3, side, side), *pixels), "quality": ((), "float32", 5, 100), "compressed": ((), "bool", 0, 1),
        },
        "af-edsr": {
            "target": ((1, side, side), *pixels), "stored": ((64, side // 8, side // 8), "int16", -1024, 1023),
            "table": ((8, 8), "float32", 1, 255),
        },
        "djpeg-hist": {"histogram": ((120, 64), "float32", 0, 1), "table": table, "twice": ((), "int64", 0, 1)},
        "djpeg-srnet": {"pixels": ((1, side, side), *pixels), "table": table, "twice": ((), "int64", 0, 1)},
        "double-histogram": {
            "counts": ((2, 64, 61), "float16", 0, 2 * (side // 8) ** 2),  # luma; both planes of chroma
            "tables": ((2, 64), "float32", 1, 255), "evidence": ((2, 64, STEPS), "float16", -6e4, 6e4),
            "twice": ((), "float32", 0, 1), "first": ((), "int64", -1, len(usual_tables(QUALITY)) - 1),
        },
        "manip": {"pixels": ((1, side, side), *pixels), "label": ((), "int64", 0, 10)},
    }[family(name)]  # fmt: skip


# The samples of `manipulation` are statistics; see test_manipulation_network.py.
@pytest.mark.parametrize("name", [name for name in RECIPES if name.split("-")[0] != "manipulation"])
class TestSamples:
    @pytest.mark.parametrize("side", [32, 64])
    def test_shapes_kinds_and_ranges(self, name, side):
        found, wanted = drawn(name, 5, side=side), shapes(name, side)
        assert set(found) == set(wanted)
        for key, (shape, kind, low, high) in wanted.items():
            assert found[key].shape == (5, *shape), key
            assert found[key].dtype == kind, key
            assert low <= found[key].min() <= found[key].max() <= high, key

    def test_chance_is_the_generator_alone(self, name):
        before = [picture.copy() for picture in PICTURES]
        once, again, other = (drawn(name, 6, seed=seed, side=32) for seed in (3, 3, 4))
        for key, values in once.items():
            np.testing.assert_array_equal(values, again[key])
        assert any((values != other[key]).any() for key, values in once.items())
        for picture, copy in zip(PICTURES, before, strict=True):
            np.testing.assert_array_equal(picture, copy)

    def test_samples_differ(self, name):
        found = drawn(name, 8, side=32)
        key = next(key for key in ("histogram", "counts", "target", "pixels") if key in found)
        assert len({sample.tobytes() for sample in found[key]}) == 8


ONE_OF_EACH = (
    "q1-dense", "q1-dense-code", "q1-dense-reg", "q1-dense-reg-code", "qf-pixel", "af-edsr-70", "djpeg-hist",
    "djpeg-srnet", "manip-mper-gaussian", "manipulation", "double-histogram",
)  # fmt: skip


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_losses_and_figures(name):
    recipe, count = RECIPES[name], 3
    batch = {key: torch.from_numpy(np.array(values)) for key, values in drawn(name, count, side=32).items()}
    torch.manual_seed(0)
    model = recipe.network().eval()
    parts = recipe.loss(model, batch)
    assert parts["loss"].shape == ()
    parts["loss"].backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())
    with torch.no_grad():
        figures = recipe.measure(model, batch)
    assert recipe.better[0] in figures
    for key, values in figures.items():
        assert values.shape == (count,), key
        assert values.isfinite().all(), key
    for key in {"accuracy", "flag_right"} & set(figures):
        assert 0 <= figures[key].min() <= figures[key].max() <= 1
    if "loss" in figures:
        compared = parts.get("cross_entropy", parts["loss"]).detach()
        assert float(figures["loss"].mean()) == pytest.approx(float(compared), rel=1e-4)


class TestFirstTables:
    """`q1-dense`."""

    @pytest.mark.parametrize(("name", "low"), [("q1-dense", 60), ("q1-dense-reg", 60), ("q1-dense-80", 55)])
    def test_they_are_those_of_a_quality_of_the_paper(self, name, low):
        known = {tuple(int(ijg_table(q)[place]) for place in FIRST_IN_ZIGZAG): q for q in range(low, 99)}
        qualities = [known.get(tuple(map(int, first))) for first in drawn(name, 200, side=32)["first"]]
        assert None not in qualities
        assert min(qualities) <= low + 3
        assert max(qualities) >= 95

    @pytest.fixture
    def batches(self, monkeypatch):
        """What `random_double` gave."""
        found = []

        def spied(*arguments, **options):
            found.append(real(*arguments, **options))
            return found[-1]

        real = q1_dense.random_double
        monkeypatch.setattr(q1_dense, "random_double", spied)
        return found

    def test_every_quality_and_shift_is_drawn(self, batches):
        drawn("q1-dense", 600, side=8)
        (batch,) = batches
        assert len(set(map(tuple, batch.corners % 8))) == 64
        assert set(batch.labels["first_quality"]) == set(range(60, 99))
        assert set(batch.labels["last_quality"]) == {90}

    @pytest.mark.parametrize(("name", "last"), [("q1-dense", 90), ("q1-dense-80", 80), ("q1-dense-80-code", 80)])
    def test_the_last_grid_begins_at_the_corner(self, name, last):
        for pixels in drawn(name, 6)["pixels"]:
            found = off_lattice(luminance(pixels), ijg_table(last))
            assert place_of(found) == (0, 0)
            assert found.min() < 0.15

    def test_the_first_table_is_on_the_first_grid(self, batches):
        found = drawn("q1-dense", 40)
        right = []
        for pixels, first, corner in zip(found["pixels"], found["first"], batches[0].corners, strict=True):
            if first[0] >= 6:  # finer ones are hidden by the last compression
                table = np.ones((8, 8))
                for place, step in zip(FIRST_IN_ZIGZAG, first, strict=True):
                    table[place] = step
                right.append(place_of(off_lattice(luminance(pixels), table)) == tuple(-corner % 8))
        assert len(right) > 15
        assert np.mean(right) > 0.9

    def test_the_authors_code_feeds_the_luminance_of_the_same(self):
        colour, grey = drawn("q1-dense", 4), drawn("q1-dense-code", 4)
        np.testing.assert_array_equal(colour["first"], grey["first"])
        for pixels, plane in zip(colour["pixels"], grey["pixels"], strict=True):
            wanted = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).convert("YCbCr").getchannel(0)
            assert np.abs(np.asarray(wanted).astype(int) - plane[0]).max() <= 1

    @pytest.mark.parametrize("name", ["q1-dense", "q1-dense-reg"])
    def test_figures_by_hand(self, name):
        starts = [0, *np.cumsum([int(ijg_table(50)[place]) for place in FIRST_IN_ZIGZAG])]

        def threes(pixels):
            """Reads every entry as 3."""
            if name == "q1-dense-reg":
                return torch.full((len(pixels), 15), 3.2)
            logits = torch.zeros(len(pixels), starts[-1])
            logits[:, [start + 2 for start in starts[:-1]]] = 9
            return logits

        first = torch.full((2, 15), 3)
        first[1, :5] = 7
        batch = {"pixels": torch.zeros(2, 3, 8, 8), "first": first}
        found = RECIPES[name].measure(threes, batch)
        assert found["accuracy"].tolist() == pytest.approx([1, 2 / 3])
        assert found["squared_error"].tolist() == pytest.approx([0, 5 * 16 / 15])


@pytest.fixture
def compressed(monkeypatch):
    """What `djpeg` handed to `double_compress`: tables and corners."""
    calls = []

    def spied(sources, first, last, corners, **options):
        calls.append((np.array(first), np.array(last), np.array(corners), options))
        return real(sources, first, last, corners, **options)

    real = djpeg.double_compress
    monkeypatch.setattr(djpeg, "double_compress", spied)
    return calls


def shift_names(name):
    return [name, f"{name}-shifted"]


class TestOnceOrTwice:
    """`djpeg`."""

    @pytest.mark.parametrize("name", ["djpeg-hist", "djpeg-hist-2018-shifted", *shift_names("djpeg-srnet")])
    def test_never_the_same_table_twice(self, name, compressed, monkeypatch):
        made = []

        def tables(rng, quality, known):
            """One of three, so that the same comes up all the time."""
            made.append(int(rng.integers(70, 73)))
            return np.stack([ijg_table(made[-1]), ijg_table(made[-1], "chroma")])

        monkeypatch.setattr(djpeg, "draw_tables", tables)
        found = drawn(name, 40, side=16)
        ((first, last, _, _),) = compressed
        assert len(made) > 2 * 40
        np.testing.assert_array_equal(first.any((1, 2, 3)), found["twice"] == 1)
        assert not (first[:, 0] == last[:, 0]).all((1, 2)).any()
        np.testing.assert_array_equal(found["table"], last[:, 0].reshape(40, 64))

    @pytest.mark.parametrize("name", ["djpeg-hist", *shift_names("djpeg-srnet")])
    @pytest.mark.parametrize("count", [8, 9])
    def test_half_were_compressed_twice(self, name, count):
        assert drawn(name, count, side=16)["twice"].sum() == -(-count // 2)

    def test_half_of_the_tables_are_those_of_files(self, compressed):
        drawn("djpeg-srnet", 300, side=8)
        ((first, last, _, _),) = compressed
        standard = {ijg_table(q).tobytes() for q in range(50, 101)}
        for tables in (first[first.any((1, 2, 3))], last):
            share = np.mean([table[0].astype(ijg_table(50).dtype).tobytes() in standard for table in tables])
            assert 0.45 < share < 0.7  # some files have standard tables

    def test_aligned_or_any_of_the_other_shifts(self, compressed):
        drawn("djpeg-srnet", 300, side=8)
        drawn("djpeg-srnet-shifted", 600, side=8)
        shifts = [set(map(tuple, corners % 8)) for _, _, corners, _ in compressed]
        assert shifts[0] == {(0, 0)}
        assert shifts[1] == {(row, col) for row in range(8) for col in range(8)} - {(0, 0)}

    @pytest.mark.parametrize("name", shift_names("djpeg-srnet"))
    def test_pixels_show_what_the_label_says(self, name, compressed, monkeypatch):
        """A coarse first compression and a last one that hides nothing of it."""
        count = 12
        qualities = iter([50] * count + [100] * count)

        def tables(rng, quality, known):
            scale = next(qualities)
            return np.stack([ijg_table(scale), ijg_table(scale, "chroma")])

        monkeypatch.setattr(djpeg, "draw_tables", tables)
        found = drawn(name, count)
        ((_, _, corners, _),) = compressed
        for pixels, twice, corner in zip(found["pixels"], found["twice"], corners, strict=True):
            distance = off_lattice(pixels[0], ijg_table(50))
            assert (distance.min() < 0.1) == bool(twice)
            assert twice or distance.min() > 0.2
            assert not twice or place_of(distance) == tuple(-corner % 8)

    @pytest.mark.parametrize("name", ["djpeg-hist", "djpeg-hist-shifted"])
    def test_histograms_are_of_the_same_pixels(self, name):
        histograms, pixels = drawn(name, 4), drawn(name.replace("hist", "srnet"), 4)
        np.testing.assert_array_equal(histograms["table"], pixels["table"])
        wanted = Histogram()(torch.from_numpy(pixels["pixels"])).numpy()
        np.testing.assert_allclose(histograms["histogram"], wanted, atol=1e-6)

    def test_pictures_that_are_too_small_are_left_out(self):
        small = np.zeros((100, 400, 3), np.uint8)
        one, other = (drawn("djpeg-srnet", 4, pictures=there) for there in ([small, *PICTURES], PICTURES))
        np.testing.assert_array_equal(one["pixels"], other["pixels"])
        with pytest.raises(UsageError, match="no picture has the 128x128 pixels"):
            drawn("djpeg-srnet", 4, pictures=[small])


class TestQuality:
    """`qf-pixel`."""

    @pytest.fixture(scope="module")
    @staticmethod
    def samples():
        return drawn("qf-pixel", 400, side=60)

    def test_flag_and_quality_agree(self, samples):
        assert set(samples["quality"][~samples["compressed"]]) == {100}
        there = samples["quality"][samples["compressed"]]
        assert (there == there.round()).all()
        assert there.min() <= 8
        assert there.max() >= 97
        assert np.mean(there) == pytest.approx(52.5, abs=5)

    def test_a_tenth_was_never_compressed(self, samples):
        assert 0.06 < np.mean(~samples["compressed"]) < 0.14

    def test_pixels_show_it(self, samples):
        places = set()
        for pixels, quality, compressed in zip(*(samples[k][:120] for k in samples), strict=True):
            if not compressed:
                assert off_lattice(luminance(pixels), ijg_table(50)).min() > 0.2
            elif 20 <= quality <= 75:
                found = off_lattice(luminance(pixels), ijg_table(int(quality)))
                assert found.min() < 0.1
                assert found.min() < min(off_lattice(luminance(pixels), ijg_table(int(quality) + n)).min()
                                         for n in (-9, 9))  # fmt: skip
                places.add(place_of(found))
        assert len(places) > 30

    def test_figures_by_hand(self):
        """Maps of 0.3 and 0.8: quality 70, compressed."""

        def fixed(pixels):
            return torch.tensor([0.3, 0.8]).view(1, 2, 1, 1).expand(len(pixels), 2, 4, 4)

        batch = {
            "pixels": torch.zeros(2, 3, 4, 4),
            "quality": torch.tensor([60.0, 100.0]),
            "compressed": torch.tensor([True, False]),
        }
        found = RECIPES["qf-pixel"].measure(fixed, batch)
        assert found["flag_right"].tolist() == [1, 0]
        assert found["quality_error"].tolist() == pytest.approx([10, 30], abs=1e-4)
        assert found["loss"].tolist() == pytest.approx([0.1**2 + 0.2**2, 0.3**2 + 0.8**2])
        parts = RECIPES["qf-pixel"].loss(fixed, batch)
        assert float(parts["loss"]) == pytest.approx((0.05 + 0.73) / 2)


class TestAntiForensics:
    """`af-edsr`."""

    @pytest.mark.parametrize("quality", [50, 70, 90])
    def test_what_is_stored_is_the_jpeg_of_the_target(self, quality):
        found = drawn(f"af-edsr-{quality}", 4)
        for target, stored, table in zip(found["target"], found["stored"], found["table"], strict=True):
            np.testing.assert_array_equal(table, ijg_table(quality))
            coefficients = (stored.reshape(8, 8, 8, 8) * table[..., None, None]).transpose(2, 3, 0, 1)
            blocks = scipy.fft.idctn(coefficients, axes=(2, 3), norm="ortho").swapaxes(1, 2).reshape(64, 64)
            decoded = np.clip(np.rint(blocks + 128), 0, 255)
            written = io.BytesIO()
            Image.fromarray(target[0]).save(written, "JPEG", quality=quality)
            theirs = np.asarray(Image.open(written)).astype(int)
            assert np.abs(decoded - theirs).max() <= 1
            assert np.abs(decoded - target[0]).mean() < 30

    def test_the_network_is_given_that_without_rounding(self):
        from jpegtrace_training.recipes.af_edsr import _decoded

        found = drawn("af-edsr-50", 3)
        batch = {name: torch.from_numpy(np.array(values)) for name, values in found.items()}
        decoded = _decoded(batch).numpy()
        none = np.empty((0, 0, 8, 8), np.int16)
        for pixels, stored in zip(decoded, found["stored"], strict=True):
            blocks = np.ascontiguousarray(stored.reshape(8, 8, 8, 8).transpose(2, 3, 0, 1))
            theirs = decompress(Planes(blocks, none, none), (ijg_table(50),), "grey", 64, 64)
            assert np.abs(np.clip(np.rint(pixels[0]), 0, 255) - theirs).max() <= 1
        assert (decoded != decoded.round()).mean() > 0.9

    def test_a_side_without_whole_blocks_is_refused(self):
        with pytest.raises(UsageError, match="the side must be a multiple of 8, not 60"):
            drawn("af-edsr-50", 1, side=60)

    def test_better_pixels_have_a_gain(self):
        """A network that knows the answer gains, one that changes nothing does not."""
        recipe = RECIPES["af-edsr-50"]
        found = drawn("af-edsr-50", 2)
        batch = {name: torch.from_numpy(np.array(values)) for name, values in found.items()}

        class Knows:
            def __init__(self, share):
                self.share = share

            def reconstruct(self, pixels):
                return pixels + self.share * (batch["target"].float() - pixels)

            def constrain(self, picture, *_):
                return picture

        gains = [float(recipe.measure(Knows(share), batch)["psnr_gain"].mean()) for share in (0.0, 0.5, -0.5)]
        assert gains[0] == 0
        assert gains[1] > 1 > -1 > gains[2]


CLASSES = {"scale-bilinear": 11, "scale-bicubic": 11, "noise": 8, "median": 8, "gaussian": 5}


class TestManipulated:
    """`manip-mper`; the manipulations themselves have tests of their own."""

    @pytest.mark.parametrize("task", CLASSES)
    def test_every_class_comes_equally_often(self, task):
        labels = drawn(f"manip-mper-{task}", 3 * CLASSES[task], side=16)["label"]
        assert np.bincount(labels).tolist() == [3] * CLASSES[task]
        assert labels.tolist() != sorted(labels)

    @pytest.mark.parametrize(("task", "grows"), [("noise", True), ("median", False), ("gaussian", False)])
    def test_pixels_are_rough_or_smooth_as_the_label_says(self, task, grows):
        found = drawn(f"manip-mper-{task}", 3 * CLASSES[task])
        rough = np.abs(np.diff(found["pixels"].astype(float), axis=-1)).mean((1, 2, 3))
        unaltered, *others = (rough[found["label"] == label].mean() for label in range(CLASSES[task]))
        for other in others:
            assert (other > 1.3 * unaltered) if grows else (unaltered > 1.3 * other)

    @pytest.mark.parametrize("task", ["scale-bilinear", "scale-bicubic"])
    def test_stripes_are_as_wide_as_the_label_says(self, task):
        """Eight pixels before, and 4 to 12 afterwards."""
        stripes = np.round(128 + 80 * np.sin(np.arange(336) * 2 * np.pi / 8)).astype(np.uint8)
        picture = np.ascontiguousarray(np.broadcast_to(stripes[:, None, None], (336, 336, 3)))
        found = drawn(f"manip-mper-{task}", 22, pictures=[picture])
        for pixels, label in zip(found["pixels"], found["label"], strict=True):
            strength = np.abs(np.fft.rfft(pixels[0].astype(float) - pixels.mean(), 1024, axis=0)).sum(1)
            assert strength.argmax() / 1024 == pytest.approx(1 / (8 * (0.5 + 0.1 * label)), rel=0.04)

    def test_the_piece_is_twice_as_large_as_the_sample(self):
        """512 and 256 in the paper (IV.A)."""
        found = drawn("manip-mper-scale-bicubic", 11)
        pixels, label, _ = draw_manipulated(PICTURES, "scale-bicubic", 11, np.random.default_rng(1), side=64, piece=128)
        np.testing.assert_array_equal(found["pixels"], pixels)
        np.testing.assert_array_equal(found["label"], label)

    def test_the_classes_of_the_network(self):
        for task, classes in CLASSES.items():
            network = RECIPES[f"manip-mper-{task}"].network()
            assert isinstance(network, Network)
            with torch.no_grad():
                assert network.eval()(torch.zeros(1, 1, 64, 64)).shape == (1, classes)
