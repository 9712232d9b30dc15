"""Which pictures are taken, which are held out, and what is drawn from them."""

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from checks.pictures import as_file, scene
from jpegtrace.chain.codec import compress
from jpegtrace.chain.encoders import Settings, encode
from jpegtrace.chain.filters import luma_of
from jpegtrace.errors import ChainError, CorruptInput, UnknownFormat, UsageError
from jpegtrace.tables import identify, ijg_table, usual_known_tables
from jpegtrace_training.histories import decoded_luma, draw_piece, draw_tables
from jpegtrace_training.pictures import Pictures, is_held_out, load_pictures, made, read
from support.pictures import deep_scene
from support.rasters import png16, tiff

PICTURE = scene(1, 40, 50)
EXIF = Image.Exif()
EXIF[0x010E] = "a description"
# By the SHA-256 of their names, as `printf NAME | sha256sum` gives it: its first 8 digits are a multiple of 10.
HELD_OUT = ("picture-016.png",)


def write(folder, name, data):
    (folder / name).write_bytes(data)


def fill(folder, names):
    """Pictures that tell the number in their names."""
    folder.mkdir(exist_ok=True)
    for name in names:
        write(folder, name, as_file(np.full((16, 20, 3), number_of(name), np.uint8), "PNG"))


def number_of(name):
    return int(name[-7:-4]) if name[-7:-4].isdigit() else 255


def numbers(pictures):
    return sorted(int(picture[0, 0, 0]) for picture in pictures)


class TestLoading:
    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("a.png", as_file(PICTURE, "PNG")),
            ("a.PNG", as_file(PICTURE, "PNG")),
            ("a.bmp", as_file(PICTURE, "BMP")),
            ("a.ppm", as_file(PICTURE, "PPM")),
            ("a.tif", as_file(PICTURE, "TIFF")),
            ("a.tiff", as_file(PICTURE, "TIFF", compression="tiff_lzw")),
            ("b.tiff", as_file(PICTURE, "TIFF", compression="tiff_adobe_deflate")),
            ("c.tiff", as_file(PICTURE, "TIFF", compression="packbits")),
            ("a.webp", as_file(PICTURE, "WEBP", lossless=True)),
            ("b.webp", as_file(PICTURE, "WEBP", lossless=True, exif=EXIF)),
            ("a.tif", as_file(PICTURE, "PNG")),  # by the content
        ],
    )
    def test_lossless_formats(self, name, data, tmp_path):
        write(tmp_path, name, data)
        ((told, pixels),) = load_pictures(tmp_path)
        assert told == name
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, PICTURE)

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("grey.png", as_file(PICTURE[..., 0], "PNG")),
            ("deep.png", png16(deep_scene())),
            ("deep.tif", tiff(deep_scene(), photometric="rgb")),
            ("a.jpg", as_file(PICTURE)),
            ("jpeg.png", as_file(PICTURE)),
            ("jpeg.tif", as_file(PICTURE, "TIFF", compression="jpeg")),
            ("lossy.webp", as_file(PICTURE, "WEBP", quality=80)),
            ("described.webp", as_file(PICTURE, "WEBP", quality=80, exif=EXIF)),
            ("cmyk.tif", tiff(np.dstack([PICTURE, PICTURE[..., 0]]), photometric="separated")),
            ("gif.png", as_file(PICTURE, "GIF")),
            ("notes.txt", b"not a picture"),
        ],
    )
    def test_others_are_left_out(self, name, data, tmp_path):
        write(tmp_path, name, data)
        assert load_pictures(tmp_path) == []

    def test_an_animation_is_left_out(self, tmp_path):
        frames = [Image.fromarray(scene(seed, 16, 16)) for seed in (1, 2)]
        frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
        assert load_pictures(tmp_path) == []

    def test_in_the_order_of_names_without_folders(self, tmp_path):
        fill(tmp_path, ["c.png", "a.png", "b.png"])
        (tmp_path / "folder.png").mkdir()
        assert [name for name, _ in load_pictures(tmp_path)] == ["a.png", "b.png", "c.png"]

    @pytest.mark.parametrize(("least", "taken"), [(0, 1), (40, 1), (41, 0), (50, 0)])
    def test_small_pictures_are_left_out(self, least, taken, tmp_path):
        write(tmp_path, "a.png", as_file(PICTURE, "PNG"))
        assert len(load_pictures(tmp_path, least=least)) == taken

    def test_what_cannot_be_read_is_named(self, tmp_path):
        whole = as_file(PICTURE, "PNG")
        write(tmp_path, "half.png", whole[: len(whole) // 2])
        with pytest.raises(CorruptInput, match=r"half\.png"):
            load_pictures(tmp_path)
        write(tmp_path, "half.png", b"no picture at all")
        with pytest.raises(UnknownFormat, match=r"half\.png"):
            load_pictures(tmp_path)


class TestHeldOut:
    NAMES = tuple(f"picture-{number:03}.png" for number in range(20))

    def test_by_hash(self):
        assert [name for name in self.NAMES if is_held_out(name)] == list(HELD_OUT)

    def test_a_tenth(self):
        assert 850 < sum(is_held_out(f"{number}.png") for number in range(10_000)) < 1150

    def test_by_name_alone(self, tmp_path):
        fill(tmp_path / "one", self.NAMES)
        found = read([tmp_path / "one"], least=16)
        held_out = [number_of(name) for name in HELD_OUT]
        assert numbers(found.held_out) == held_out
        assert numbers(found.training) == sorted(set(range(20)) - set(held_out))
        assert found.described == "20 pictures of one"

    def test_it_is_stable_when_pictures_are_added(self, tmp_path):
        fill(tmp_path / "one", self.NAMES[14:24])
        before = read([tmp_path / "one"], least=16)
        fill(tmp_path / "one", self.NAMES)
        fill(tmp_path / "two", ["x.png"])
        after = read([tmp_path / "two", tmp_path / "one"], least=16)
        assert set(numbers(before.held_out)) <= set(numbers(after.held_out))
        assert set(numbers(before.training)) <= set(numbers(after.training))
        assert after.described == "1 pictures of two, 20 pictures of one"
        assert len(after.training) + len(after.held_out) == 21

    def test_one_name_in_two_folders_is_in_one_group(self, tmp_path):
        for folder in ("one", "two"):
            fill(tmp_path / folder, self.NAMES)
        found = read([tmp_path / "one", tmp_path / "two"], least=0)
        assert (len(found.training), len(found.held_out)) == (38, 2)

    def test_a_missing_folder(self, tmp_path):
        with pytest.raises(UsageError, match=r"there is no folder .*nowhere"):
            read([tmp_path / "nowhere"], least=0)
        write(tmp_path, "file", b"")
        with pytest.raises(UsageError, match=r"there is no folder .*file"):
            read([tmp_path / "file"], least=0)

    @pytest.mark.parametrize("names", [(), HELD_OUT, ("picture-000.png",)])
    def test_too_few(self, names, tmp_path):
        fill(tmp_path / "one", names)
        said = f"{len(names)} pictures of one: too few lossless RGB pictures of 16 x 16 pixels or more"
        with pytest.raises(UsageError, match=said):
            read([tmp_path / "one"], least=16)

    def test_too_small_is_too_few(self, tmp_path):
        fill(tmp_path / "one", self.NAMES)
        with pytest.raises(UsageError, match=r"0 pictures of one: too few .* of 17 x 17"):
            read([tmp_path / "one"], least=17)

    def test_no_folder(self):
        with pytest.raises(UsageError, match="no folder: too few"):
            read([], least=16)


class TestMadePictures:
    def test_of_a_seed(self):
        one, again, other = made(4, 48, 3), made(4, 48, 3), made(4, 48, 4)
        assert isinstance(one, Pictures)
        assert (len(one.training), len(one.held_out)) == (4, 1)
        for picture in (*one.training, *one.held_out):
            assert (picture.shape, picture.dtype) == ((48, 48, 3), np.uint8)
            assert picture.std() > 10
        assert all(map(np.array_equal, one.training, again.training))
        assert not any(map(np.array_equal, one.training, other.training))
        assert not any(np.array_equal(one.held_out[0], picture) for picture in one.training)


class TestTables:
    def test_shares(self):
        """Each kind is told by what the survey says of its tables."""
        rng, counts = np.random.default_rng(0), Counter()
        known = {table.luma.tobytes() for table in usual_known_tables() if table.quality is None}
        for _ in range(600):
            pair = draw_tables(rng, (60, 70), known=0.5, smooth=0.2)
            assert (pair.shape, pair.dtype) == ((2, 8, 8), np.uint16)
            assert pair.min() >= 1
            assert pair.max() <= 255
            if pair[0].tobytes() in known:
                counts["known"] += 1
            elif (quality := identify(pair[:1]).nearest_quality).distance == 0:
                grey = np.array_equal(*pair)
                assert grey or np.array_equal(pair[1], ijg_table(quality.quality, "chroma"))
                counts["ijg"] += 1
            else:
                assert pair[0].mean() <= 20.5
                counts["smooth"] += 1
        standard = np.mean([table.quality is not None for table in usual_known_tables()])
        for kind, share in {"known": 0.5 * (1 - standard), "ijg": 0.3 + 0.5 * standard, "smooth": 0.2}.items():
            assert abs(counts[kind] / 600 - share) < 5 * np.sqrt(share * (1 - share) / 600), kind

    def test_qualities(self):
        rng = np.random.default_rng(0)
        drawn = Counter(identify(draw_tables(rng, (90, 92))).quality for _ in range(90))
        assert set(drawn) == {90, 91, 92}
        assert min(drawn.values()) > 12

    def test_known_tables_alone(self):
        rng = np.random.default_rng(0)
        for _ in range(20):
            assert identify(draw_tables(rng, (50, 50), known=1.0)).kind == "exact"

    def test_a_grey_file_lends_its_table_to_chroma(self):
        tables = usual_known_tables()
        assert len(tables) > 200
        assert all(table.luma.max() < 256 for table in tables)
        rng = np.random.default_rng(0)
        grey = {table.luma.tobytes() for table in tables if table.chroma is None}
        pairs = [draw_tables(rng, (50, 50), known=1.0) for _ in range(1000)]
        alike = {pair[0].tobytes() for pair in pairs if np.array_equal(*pair)}
        assert alike & grey


class TestPieces:
    @pytest.mark.parametrize("shape", [(32, 32), (33, 32), (40, 70), (65, 65), (200, 90)])
    @pytest.mark.parametrize("rescaled", [0.0, 1.0])
    def test_any_picture_that_is_large_enough(self, shape, rescaled):
        picture = scene(2, *shape)
        for seed in range(20):
            piece = draw_piece(picture, 32, np.random.default_rng(seed), rescaled)
            assert (piece.shape, piece.dtype) == ((32, 32, 3), np.uint8)

    @pytest.mark.parametrize("shape", [(31, 90), (90, 31), (8, 8)])
    def test_too_small(self, shape):
        said = f"a picture of {shape[1]}x{shape[0]} is too small for a piece of 32x32"
        with pytest.raises(ChainError, match=said):
            draw_piece(scene(2, *shape), 32, np.random.default_rng(0), 0.5)

    def test_not_resized_is_an_exact_cut(self):
        picture = scene(2, 60, 70)
        windows = np.lib.stride_tricks.sliding_window_view(picture, (32, 32), axis=(0, 1))
        places = set()
        for seed in range(30):
            piece = draw_piece(picture, 32, np.random.default_rng(seed), 0.0)
            ((y, x),) = np.argwhere(
                (windows[..., 0, 0] == piece[0, 0]).all(2) & (windows[..., 9, 7] == piece[9, 7]).all(2)
            )
            np.testing.assert_array_equal(picture[y : y + 32, x : x + 32], piece)
            places.add((int(y), int(x)))
        assert len(places) > 20

    def test_a_picture_too_small_to_be_reduced_is_taken_as_it_is(self):
        """One of no more than the piece can only be enlarged, which half of the drawn scales ask for."""
        picture = scene(2, 32, 32)
        pieces = [draw_piece(picture, 32, np.random.default_rng(seed), 1.0) for seed in range(200)]
        assert abs(sum(np.array_equal(piece, picture) for piece in pieces) - 105) < 36

    def test_scales(self):
        """The wavelength of a grating tells them: from half to double, the logarithm uniform."""
        wave = 128 + 100 * np.sin(2 * np.pi * np.arange(400) / 10)
        picture = np.repeat(np.tile(wave, (400, 1))[..., None], 3, axis=2).astype(np.uint8)
        scales = []
        for seed in range(200):
            piece = draw_piece(picture, 128, np.random.default_rng(seed), 1.0)
            spectrum = np.abs(np.fft.rfft(piece[..., 1].mean(0) - 128, 2048))
            scales.append(2048 / int(spectrum.argmax()) / 10)
        logs = np.log2(scales)
        assert -1.05 < logs.min() < -0.9
        assert 0.9 < logs.max() < 1.05
        assert np.histogram(logs, 4, (-1.001, 1.001))[0] == pytest.approx([50] * 4, abs=25)

    def test_share_of_resized_pieces(self):
        picture = scene(2, 100, 100)
        kept = 0
        for seed in range(300):
            piece = draw_piece(picture, 32, np.random.default_rng(seed), 0.3)
            kept += np.shares_memory(piece, picture)
        assert abs(kept / 300 - 0.7) < 5 * np.sqrt(0.21 / 300)


class TestDecodedLuma:
    @pytest.mark.parametrize(("rows", "cols"), [(64, 72), (37, 53)])
    @pytest.mark.parametrize("quality", [10, 75, 100])
    @pytest.mark.parametrize("grey", [False, True])
    def test_it_is_the_luma_of_the_decoder(self, rows, cols, quality, grey):
        """Of the file with the same coefficients, before any conversion to RGB."""
        picture = scene(4, rows, cols)
        pixels = luma_of(picture) if grey else picture
        table = ijg_table(quality)
        blocks = compress(pixels, table, ijg_table(quality, "chroma")).luma
        data, _ = encode(pixels, "libjpeg-turbo", Settings(quality=quality))
        image = Image.open(io.BytesIO(data))
        if not grey:
            image.draft("YCbCr", image.size)
            assert image.mode == "YCbCr"
        wanted = np.asarray(image)
        found = decoded_luma(blocks, table)
        assert found.shape == (8 * blocks.shape[0], 8 * blocks.shape[1])
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found[:rows, :cols], wanted if grey else wanted[..., 0])
