"""Detectors of double compression."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from jpegtrace.chain import double_compress
from jpegtrace.lattice.histograms import OneGrid
from jpegtrace.stress import doubles
from jpegtrace.stress.doubles import ENGINE, installed_doubles
from jpegtrace.tables import ijg_table
from support.pictures import scene

TABLE = ijg_table(90)


def engine(blocks):
    detector = next(one for one in installed_doubles()[0] if one.name == ENGINE)
    return detector.ask(blocks, TABLE, np.zeros((8 * blocks.shape[0], 8 * blocks.shape[1]), np.uint8))


class TestEngine:
    @pytest.mark.parametrize(
        ("once_by_lattice", "twice_by_histograms", "wanted"),
        [
            (0.5, 0.995, math.log(0.995 / 0.005) - math.log(0.99 / 0.01)),
            (0.5, 0.5, -math.log(0.99 / 0.01)),
            (1e-5, 0.5, math.log(0.99999 / 0.00001) - math.log(0.9999 / 0.0001)),
            (0.0, 1.0, 12 * math.log(10) - math.log(0.99 / 0.01)),
        ],
    )
    def test_by_hand(self, monkeypatch, once_by_lattice, twice_by_histograms, wanted):
        """Thresholds are .9999 and .99; whichever is passed by more counts, and 1e-12 is as far as odds go."""
        monkeypatch.setattr(doubles, "posterior", lambda *_: SimpleNamespace(single=once_by_lattice))
        monkeypatch.setattr(doubles, "one_grid", lambda *_: OneGrid(twice_by_histograms, True))
        assert engine(np.zeros((8, 8, 8, 8), np.int16)) == pytest.approx(wanted, abs=1e-3)

    def test_what_no_table_explains_is_not_twice(self, monkeypatch):
        monkeypatch.setattr(doubles, "posterior", lambda *_: SimpleNamespace(single=0.999))
        monkeypatch.setattr(doubles, "one_grid", lambda *_: OneGrid(0.9999, False))
        assert engine(np.zeros((8, 8, 8, 8), np.int16)) == pytest.approx(-math.log(0.99 / 0.01))

    def test_histograms_are_not_asked_about_few_blocks(self, monkeypatch):
        monkeypatch.setattr(doubles, "posterior", lambda *_: SimpleNamespace(single=0.5))
        monkeypatch.setattr(doubles, "one_grid", lambda *_: pytest.fail("63 blocks are too few"))
        assert engine(np.zeros((7, 9, 8, 8), np.int16)) == pytest.approx(-math.log(0.9999 / 0.0001))

    @pytest.mark.parametrize(("first", "twice"), [(60, True), (80, True), (None, False)])
    def test_pictures(self, first, twice):
        tables = [np.stack([ijg_table(q or 50), ijg_table(q or 50, "chroma")])[None] for q in (first, 90)]
        before = tables[0] if first else np.zeros_like(tables[0])
        batch = double_compress(scene(192, 192)[None], before, tables[1], np.array([[16, 16]]), patch=128)
        assert (engine(batch.luma[0]) >= 0) is twice
