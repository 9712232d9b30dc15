"""Evidence of grids and tables as pictures: which of the 64 grids stands out, and the lattice on it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace.findings import Matrix, Plot
from jpegtrace.lattice.transforms import shift_matrices

FEWEST = 25  # coefficients in a histogram
LEAST_STEP = 3.0  # multiples of smaller steps cannot be told apart in a picture
MOST_MULTIPLES = 6
# For each step, where values are not on a lattice of the last compression; the second where there are many values.
BINS, MANY, BINS_OF_MANY = 6, 300, 12
PAST_WEIGHTS = ("combiner", "double-histogram")  # that `_past.past_of` asks
# Names of facts that several analyses may tell, see `Claim.facts`.
EARLIER, PARTS, EVER_JPEG = "an earlier JPEG compression", "parts with different pasts", "any JPEG compression"
# Of claims about parts.
NO_PROBABILITY = "measured over the picture, no probability is claimed"
GOOD_FAITH = "That it was done to deceive: collages, screenshots and pasted logos are put together in good faith."


def grid_name(row: int, col: int) -> str:
    """Where a grid begins, as every answer says it: rows are counted from above, columns from the left."""
    return f"row {row}, column {col}"


def shifted_grid(row: int, col: int) -> str:
    """A first grid as seen from the last one."""
    if row == col == 0:
        return "the same grid"
    return f"grid shifted by {row} row{'s' * (row != 1)} and {col} column{'s' * (col != 1)}"


def on_grid(blocks: NDArray[np.int16], table: NDArray[np.uint16], origin: tuple[int, int]) -> NDArray[np.float32]:
    """Coefficients of a window on another grid, (blocks, 8, 8), from those of the last one.

    D' = T_r [four neighbours] T_c', see `jpegtrace.lattice.transforms`.
    """
    values = blocks.astype(np.float32) * table.astype(np.float32)
    if origin == (0, 0):
        return values.reshape(-1, 8, 8)
    down, across = (shift_matrices()[0][shift] for shift in origin)
    tall = down[:, :8] @ values[:-1] + down[:, 8:] @ values[1:]
    wide: NDArray[np.float32] = tall[:, :-1] @ across[:, :8].T + tall[:, 1:] @ across[:, 8:].T
    return wide.reshape(-1, 8, 8)


def most_telling(coefficients: NDArray[np.floating[Any]], steps: NDArray[np.integer[Any]]) -> tuple[int, int] | None:
    """Row and column of the frequency whose coefficients keep to multiples of its step best; None where none does.

    Rayleigh's statistic of their phases 2 pi D / q, of those that are not rounded to 0.

    Args:
        coefficients: (blocks, 8, 8).
        steps: (8, 8); 0 where the step is not known.
    """
    best, found = 0.0, None
    for row, col in zip(*np.nonzero(steps >= LEAST_STEP), strict=True):
        if row == col == 0:
            continue
        phases = coefficients[:, row, col] / float(steps[row, col])
        phases = phases[np.abs(phases) > 0.5]
        if len(phases) < FEWEST:
            continue
        strength = float(np.abs(np.exp(2j * np.pi * phases).mean())) * np.sqrt(len(phases))
        if strength > best:
            best, found = strength, (int(row), int(col))
    return found


def lattice_plots(
    coefficients: NDArray[np.floating[Any]],
    steps: NDArray[np.integer[Any]],
    last_table: NDArray[np.uint16] | None,
    *,
    whose: str,
    not_conclude: str,
) -> tuple[Plot, ...]:
    """The histogram of the most telling frequency with the multiples of its step marked; none where nothing tells.

    Args:
        coefficients: (blocks, 8, 8) on the grid that the steps are of.
        steps: (8, 8) of the compression that is looked for; 0 where not known.
        last_table: (8, 8) where the coefficients are multiples of it; else None.
        whose: compression the steps are of, in words.
        not_conclude: for the plot.
    """
    place = most_telling(coefficients, steps)
    if place is None:
        return ()
    step = float(steps[place])
    sizes = np.abs(coefficients[:, place[0], place[1]].astype(np.float64))
    sizes = sizes[sizes > step / 2]
    bins = BINS_OF_MANY if len(sizes) >= MANY else BINS
    width = step / bins if last_table is None else float(last_table[place])
    multiples = int(np.clip(np.ceil(np.quantile(sizes, 0.95) / step), 2, MOST_MULTIPLES))
    first, last = np.floor(step / 2 / width + 0.5), np.ceil((multiples + 0.5) * step / width)
    middles = np.arange(first, max(last, first + 1) + 1) * width
    counts = np.histogram(sizes, np.append(middles - width / 2, middles[-1] + width / 2))[0]
    return (
        Plot(
            f"coefficients of vertical frequency {place[0]}, horizontal frequency {place[1]}",
            middles.astype(np.float32),
            counts.astype(np.float32),
            x_label="size of the coefficient; those rounded to 0 are left out",
            y_label="number of blocks",
            kind="bars",
            marks=tuple((k * step, "") for k in range(1, multiples + 1)),
            look_for=f"Bars crowd at the marks, the multiples of {step:g}, and are low between them: {whose} rounded "
            "to these.",
            not_conclude=not_conclude,
        ),
    )


def grids_matrix(
    name: str,
    values: NDArray[np.floating[Any]],
    unit: str,
    best: tuple[int, int] | None,
    *,
    corner_means: str,
    not_conclude: str,
) -> Matrix:
    """The 64 grids with what speaks for each; values that are not finite were not told.

    Args:
        name: of the matrix.
        values: 64 numbers, by row and column of the grid's origin.
        unit: of them.
        best: the grid that is claimed.
        corner_means: what row 0, column 0 means.
        not_conclude: for the matrix.
    """
    shown = np.where(np.isfinite(values), values, np.nan).astype(np.float32).reshape(8, 8)
    return Matrix(
        name,
        shown,
        unit,
        marks=() if best is None else ((*best, "stands out"),),
        look_for="One cell that stands out against all others: each is a place where a grid of 8 x 8 blocks can begin. "
        f"Row 0, column 0 is {corner_means}; any other cell "
        "means that the picture was cropped or moved in between.",
        not_conclude=not_conclude,
    )
