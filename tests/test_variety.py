"""Whether blocks repeat."""

import numpy as np
import pytest

from jpegtrace._variety import variety


@pytest.mark.parametrize("kind", [np.uint8, np.int16])
def test_by_hand(kind):
    blocks = np.array([[1, 2], [2, 1], [1, 2], [1, 2]], kind)
    assert variety(blocks) == 0.5
    assert variety(blocks[:2]) == 1
    assert variety(blocks[:0]) == 1
