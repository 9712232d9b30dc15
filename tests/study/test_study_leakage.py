"""The audit of a study's pictures."""

import numpy as np
import pytest
from PIL import Image

from jpegtrace.errors import UsageError
from jpegtrace_training.study.dataset import Dataset, Sample
from jpegtrace_training.study.leakage import audit_dataset
from support.pictures import scene


def dataset(count, seed):
    samples = tuple(Sample(f"scene {n}", n % 2, scene(64, 64, seed + n)) for n in range(count))
    return Dataset(("one", "other"), samples, "made")


def test_a_fresh_audit_is_of_the_pictures_that_are_there(tmp_path):
    assert audit_dataset(dataset(4, 0), tmp_path, most=4).pictures == 4
    with pytest.raises(UsageError, match="fresh"):
        audit_dataset(dataset(3, 100), tmp_path, most=3)
    fresh = audit_dataset(dataset(3, 100), tmp_path, most=3, fresh=True)
    assert (fresh.pictures, fresh.resumed) == (3, 0)
    written = sorted((tmp_path / "audit" / "pictures").iterdir())
    assert len(written) == 3
    np.testing.assert_array_equal(np.asarray(Image.open(written[0])), scene(64, 64, 100))
