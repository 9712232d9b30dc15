import pytest

from checks.pictures import as_file, scene


@pytest.fixture
def dataset(tmp_path):
    """Two folders of pictures too small for slow questions, told apart by JPEG quality; an empty file; a text."""
    for seed in range(12):
        folder = tmp_path / "set" / ("cats" if seed % 2 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        if seed % 3 == 0:
            (folder / f"{seed:02}.png").write_bytes(as_file(scene(seed, 14, 22), "PNG"))
        else:
            (folder / f"{seed:02}.jpg").write_bytes(as_file(scene(seed, 14, 22), quality=70 + 20 * (seed % 2)))
    (tmp_path / "set" / "dogs" / "empty.jpg").write_bytes(b"")
    (tmp_path / "set" / "notes.txt").write_text("words")
    return tmp_path
