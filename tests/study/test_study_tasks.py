import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from jpegtrace.errors import UsageError
from jpegtrace.picture import Picture
from jpegtrace.tables import named_table
from jpegtrace_training.study.tasks.autoencoder import FACTOR, train_generator
from jpegtrace_training.study.tasks.colours import colours
from jpegtrace_training.study.tasks.folder import labelled_folder, middle
from jpegtrace_training.study.tasks.generated import LABELS, generated
from jpegtrace_training.study.tasks.pipelines import CAMERAS, develop, pipelines
from jpegtrace_training.study.tasks.registry import TASKS, find
from jpegtrace_training.study.tasks.scenes import read_scenes
from jpegtrace_training.study.tasks.task import Asked
from support.pictures import scene

SCENE = scene(96, 112, 4)
MADE = [task for task in TASKS if task != "folder"]


def asked(folder, **more):
    return Asked(folder, 64, **{"side": 96, "generator_steps": 3, **more})


@pytest.fixture(scope="module")
def developed():
    """The scene by every camera: pixels and file."""
    pytest.importorskip("cv2")
    return {camera.name: develop(SCENE, camera, np.random.default_rng(0)) for camera in CAMERAS}


class TestPipelines:
    def test_every_camera_leaves_the_content(self, developed):
        for pixels, _ in developed.values():
            assert pixels.shape == SCENE.shape
            smooth = [
                np.asarray(Image.fromarray(p).resize((14, 12), Image.Resampling.BOX), float) for p in (pixels, SCENE)
            ]
            assert np.abs(smooth[0] - smooth[1]).mean() < 8
            assert np.corrcoef(pixels.ravel(), SCENE.ravel())[0, 1] > 0.95

    def test_no_two_cameras_give_the_same(self, developed):
        pictures = [pixels.astype(int) for pixels, _ in developed.values()]
        for index, one in enumerate(pictures):
            assert all(np.abs(one - other).mean() > 0.3 for other in pictures[index + 1 :])

    def test_their_files_have_the_tables_of_real_cameras_and_no_two_share_them(self, developed):
        seen = set()
        for camera in CAMERAS:
            pixels, data = developed[camera.name]
            picture = Picture.open(data)
            assert np.array_equal(picture.coefficients.components[0].table, named_table(camera.tables)[0])
            assert np.array_equal(picture.raster.pixels, pixels)
            seen.add(named_table(camera.tables)[0].tobytes())
        assert len(seen) == len(CAMERAS) == 6

    def test_neighbours_share_all_but_their_tables(self):
        shared = {(c.mosaic, c.demosaicing, c.denoising, c.contrast, c.sharpening) for c in CAMERAS}
        assert len(shared) == len({c.demosaicing for c in CAMERAS}) == 3

    def test_the_mosaic_shows_in_the_phase_of_the_noise(self, monkeypatch):
        """What is measured at a pixel and what is interpolated there differ in noise; bilinear shows it best."""
        pytest.importorskip("cv2")
        monkeypatch.setattr("jpegtrace_training.study.tasks.pipelines.NOISE", 6.0)  # or a JPEG hides most of it
        flat = np.full((192, 192, 3), 120, np.uint8)
        pixels, _ = develop(flat, CAMERAS[0], np.random.default_rng(1))
        green = pixels[16:-16, 16:-16, 1].astype(float)
        noise = [green[row::2, col::2].var() for row in (0, 1) for col in (0, 1)]
        assert min(noise[1], noise[2]) > 1.3 * max(noise[0], noise[3])  # RGGB: green is measured off the diagonal

    def test_every_scene_stands_under_every_label(self, scenes):
        pytest.importorskip("cv2")
        dataset = pipelines(asked(scenes))
        assert dataset.labels == tuple(camera.name for camera in CAMERAS)
        assert dataset.counts == (8,) * 6
        assert {(s.source, s.label) for s in dataset.samples} == {(f"{n}.png", c) for n in range(8) for c in range(6)}


class TestGenerated:
    def test_the_trace_repeats_with_the_stride_and_the_scene_has_none(self):
        pictures = [scene(96, 96, seed) for seed in range(6)]
        generator = train_generator(pictures[:5], steps=25)
        before, after = (comb(pixels) for pixels in (pictures[5], generator(pictures[5])))
        assert after > 3 * before

    def test_a_seed_decides_the_weights(self):
        first, again, other = (train_generator([SCENE], steps=2, seed=seed)(SCENE) for seed in (1, 1, 2))
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_what_the_generator_learnt_from_is_no_part_of_the_task(self, scenes):
        dataset = generated(asked(scenes))
        assert dataset.labels == LABELS
        assert dataset.sources == 6
        assert dataset.counts == (6, 6)
        for source in {sample.source for sample in dataset.samples}:
            photograph, made = (s.pixels for s in dataset.samples if s.source == source)
            assert photograph.shape == made.shape == (96, 96, 3)
            assert not np.array_equal(photograph, made)


def comb(pixels):
    """Energy at the frequencies of the pattern over that near them, in what a local mean leaves."""
    grey = pixels.astype(float).mean(-1)
    spectrum = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
    size = grey.shape[0]
    places = [(r, c) for r in range(FACTOR) for c in range(FACTOR) if (r, c) != (0, 0)]
    step = size // FACTOR
    peaks = np.mean([spectrum[r * step, c * step] for r, c in places])
    around = np.mean([spectrum[(r * step + 3) % size, (c * step + 5) % size] for r, c in places])
    return peaks / around


def test_colours_exchanges_red_and_blue_and_nothing_else(scenes, monkeypatch):
    monkeypatch.setattr("jpegtrace_training.study.tasks.colours.SIDE", 64)
    dataset = colours(Asked(scenes, 64))
    assert dataset.counts == (8, 8)
    for source in {sample.source for sample in dataset.samples}:
        natural, exchanged = (s.pixels for s in dataset.samples if s.source == source)
        assert min(natural.shape[:2]) == 64
        assert np.array_equal(natural, exchanged[..., ::-1])
        assert not np.array_equal(natural, exchanged)


class TestFolder:
    def test_folders_are_labels_and_every_picture_its_own_source(self, labelled):
        dataset = labelled_folder(Asked(labelled, 64))
        assert dataset.labels == ("dark", "light")
        assert dataset.counts == (6, 6)
        assert dataset.sources == 12

    def test_the_same_content_is_one_source(self, labelled, tmp_path):
        shutil.copytree(labelled, tmp_path / "copy")
        shutil.copy(tmp_path / "copy/dark/0.png", tmp_path / "copy/dark/again.png")
        dataset = labelled_folder(Asked(tmp_path / "copy", 64))
        assert (len(dataset.samples), dataset.sources) == (13, 12)
        shutil.copy(tmp_path / "copy/dark/0.png", tmp_path / "copy/light/again.png")
        with pytest.raises(UsageError, match="is the same file as one under 'dark'"):
            labelled_folder(Asked(tmp_path / "copy", 64))

    def test_a_table_says_what_belongs_together(self, labelled, tmp_path):
        table = tmp_path / "sources.csv"
        table.write_text("path,source\ndark/0.png,one\ndark/1.png,one\n", encoding="utf-8")
        assert labelled_folder(Asked(labelled, 64, sources=table)).sources == 11
        table.write_text("path,source\ndark/nothing.png,one\n", encoding="utf-8")
        with pytest.raises(UsageError, match=r"names 'dark/nothing\.png', which is no picture"):
            labelled_folder(Asked(labelled, 64, sources=table))
        for text, told in (("a,b\n", "must begin with the line: path,source"), ("path,source\nx\n", "line 2 of")):
            table.write_text(text, encoding="utf-8")
            with pytest.raises(UsageError, match=told):
                labelled_folder(Asked(labelled, 64, sources=table))

    def test_what_cannot_be_used_is_counted(self, labelled, tmp_path):
        copy = tmp_path / "copy"
        shutil.copytree(labelled, copy)
        Image.fromarray(SCENE[:20, :20]).save(copy / "dark/small.png")
        Image.fromarray(SCENE).convert("CMYK").save(copy / "dark/print.tif")
        (copy / "dark/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0broken")
        dataset = labelled_folder(Asked(copy, 64))
        reasons = dict(dataset.left_out)
        assert reasons["smaller than 64 x 64"] == reasons["neither grey nor RGB of 8 bits"] == 1
        assert sum(count for reason, count in reasons.items() if reason.startswith("cannot be read: ")) == 1
        assert dataset.counts == (6, 6)

    def test_chosen_labels(self, labelled):
        with pytest.raises(UsageError, match="has no label 'bright'; there are: dark, light"):
            labelled_folder(Asked(labelled, 64, labels=("dark", "bright")))
        with pytest.raises(UsageError, match="at least two labels; there is only 'dark'"):
            labelled_folder(Asked(labelled, 64, labels=("dark",)))

    def test_too_few_pictures_of_a_label(self, labelled, tmp_path):
        shutil.copytree(labelled, tmp_path / "copy")
        for number in (0, 1):
            (tmp_path / f"copy/light/{number}.png").unlink()
        with pytest.raises(UsageError, match="'light' has pictures of 4 sources; at least 5 are needed"):
            labelled_folder(Asked(tmp_path / "copy", 64))

    def test_of_large_pictures_the_middle_is_used_and_the_grid_stays_at_the_corner(self):
        pixels = np.arange(100 * 120 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 120, 3)
        assert np.array_equal(middle(pixels, 64), pixels[16:80, 16:80])
        assert np.array_equal(middle(pixels, 512), pixels)

    def test_no_folder_and_no_labels(self, scenes, tmp_path):
        with pytest.raises(UsageError, match="there is no folder"):
            labelled_folder(Asked(tmp_path / "nothing", 64))
        with pytest.raises(UsageError, match="has no folders with pictures in them"):
            labelled_folder(Asked(scenes, 64))


def test_scenes_are_distinct_and_drawn_by_their_number_alone(scenes, tmp_path):
    shutil.copytree(scenes, tmp_path / "copy")
    shutil.copy(tmp_path / "copy/3.png", tmp_path / "copy/again.png")
    found = read_scenes(Asked(tmp_path / "copy", 64), least=64, most_side=80)
    assert [scene.name for scene in found] == [f"{number}.png" for number in range(8)]
    assert found[0].pixels.shape == (80, 80, 3)
    drawn = [[scene.name for scene in read_scenes(Asked(scenes, 64, most=3), least=64)] for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 3


@pytest.mark.parametrize("task", MADE)
def test_scenes_must_be_there_and_lossless(task, tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        find(task).make(asked(tmp_path / "nothing"))
    Image.fromarray(scene(128, 128)).save(tmp_path / "scene.jpg")
    with pytest.raises(UsageError, match="holds no lossless RGB picture"):
        find(task).make(asked(tmp_path))


def test_an_unknown_task_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match="no task 'cats'; there are: folder, pipelines, generated, colours"):
        find("cats")


def lattice(pixels, table, row, col):
    """Mean distance of DCT coefficients from multiples of a table, in steps, on a grid with this origin."""
    grey = pixels.astype(float) @ (0.299, 0.587, 0.114) - 128
    grey = grey[row : row + (len(grey) - row) // 8 * 8, col : col + (grey.shape[1] - col) // 8 * 8]
    blocks = grey.reshape(len(grey) // 8, 8, -1, 8).swapaxes(1, 2)
    levels = dctn(blocks, axes=(2, 3), norm="ortho") / table
    return np.abs(levels - np.round(levels))[..., table >= 8].mean()
