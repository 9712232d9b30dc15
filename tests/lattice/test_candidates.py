"""Which tables are scored for a window."""

import numpy as np

from checks.pictures import scene
from jpegtrace.chain import double_compress
from jpegtrace.lattice import gather
from jpegtrace.lattice.candidates import FREE, FREE_ORIGINS, FREE_TEMPERS, OTHER, OTHERS, STANDARD, candidates
from jpegtrace.lattice.hypotheses import FREQUENCIES, full_library
from jpegtrace.tables import ZIGZAG, ijg_table, known_tables


def evidence(first, last=95, seed=5):
    """Of a window whose grid was shifted by (5, 3)."""
    source = scene(seed, 224, 224)[None]
    pair = np.stack([first, first])
    batch = double_compress(source, pair, np.stack([ijg_table(last), ijg_table(last, "chroma")]), [(19, 21)], patch=128)
    return gather(batch.luma[0], batch.last_tables[0, 0])


def test_all_standard_tables_some_others_and_some_free_ones():
    library = full_library()
    found = candidates(evidence(ijg_table(70)), library)
    standard = int((library.qualities > 0).sum())
    sizes = [standard, OTHERS, FREE_ORIGINS * len(FREE_TEMPERS)]
    assert [(found.kinds == kind).sum() for kind in (STANDARD, OTHER, FREE)] == sizes
    assert len(found.tables) == len(found.names) == len(found.qualities) == len(found.index) == sum(sizes)
    np.testing.assert_array_equal(
        library.steps[np.arange(FREQUENCIES)[None, :], found.index], found.tables[:, :FREQUENCIES]
    )
    assert (found.tables[found.kinds == FREE][:, FREQUENCIES:] == 0).all()


def test_a_known_table_is_among_the_others():
    camera = next(k for k in known_tables() if k.family == "Kodak")
    found = candidates(evidence(camera.luma), full_library())
    wanted = camera.luma.ravel()[ZIGZAG[:FREQUENCIES]]
    assert (found.tables[found.kinds == OTHER][:, :FREQUENCIES] == wanted).all(axis=1).any()


def test_a_table_that_nobody_has_seen_is_read_by_its_entries():
    unseen = (8 + np.add.outer(np.arange(8), np.arange(8)) * 1.3).round().astype(np.uint16)
    found = candidates(evidence(unseen), full_library())
    wanted = unseen.ravel()[ZIGZAG[:15]].astype(int)
    free = found.tables[found.kinds == FREE][:, :15].astype(int)
    best = max((row == wanted).mean() for row in free)
    known = max((row == wanted).mean() for row in found.tables[found.kinds != FREE][:, :15])
    assert best >= 0.7
    assert best > known + 0.2
