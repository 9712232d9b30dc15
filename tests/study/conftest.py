import numpy as np
import pytest
from PIL import Image

from support.pictures import scene

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Networks this small are slowed down by threads that wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory):
    """A folder of eight lossless scenes."""
    folder = tmp_path_factory.mktemp("scenes")
    for seed in range(8):
        Image.fromarray(scene(100, 108, seed)).save(folder / f"{seed}.png")
    return folder


@pytest.fixture(scope="session")
def labelled(tmp_path_factory):
    """Two labels of six pictures each, which a glance tells apart."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(3)
    for label, red in (("dark", 60), ("light", 190)):
        (folder / label).mkdir()
        for number in range(6):
            pixels = rng.normal(red, 12, (80, 88, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    return folder
