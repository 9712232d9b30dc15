"""What really happened to a simulated picture, in a form that can be stored beside it.

Coordinates are those of the final picture. A grid origin (row, column) says where the first corner of an 8x8 block
lies, modulo 8: after `crop:dx,dy` of a fresh JPEG it is ((-dy) mod 8, (-dx) mod 8).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegtrace.errors import ChainError

FORMAT = 1

Origin = tuple[int, int]


@dataclass(frozen=True)
class Compression:
    """One JPEG compression in a history.

    Attributes:
        step: position in the chain that holds it, from 0.
        encoder: its name.
        version: codec and package with their versions.
        quality: what was asked for; None where tables were given.
        luma_steps: the table in the file, 64 numbers row-major.
        chroma_steps: the same for Cb and Cr; empty for a grey file.
        subsampling: 444, 422, 420, 440, 411 or grey.
        progressive: whether the file is progressive.
        restart: restart interval in MCUs.
        origin: of the luma grid in the final picture; None where a later step destroyed the grid.
        chroma_origin: of the chroma grid, in pixels of the final picture, modulo 8 times the subsampling; None without.
        transposed: rows and columns have changed places since: the table acts transposed on the final picture.
    """

    step: int
    encoder: str
    version: str
    quality: int | None
    luma_steps: tuple[int, ...]
    chroma_steps: tuple[int, ...]
    subsampling: str
    progressive: bool
    restart: int
    origin: Origin | None
    chroma_origin: Origin | None
    transposed: bool

    @property
    def luma_table(self) -> NDArray[np.uint16]:
        """8x8, row-major, as in the file."""
        return np.array(self.luma_steps, np.uint16).reshape(8, 8)

    @property
    def chroma_table(self) -> NDArray[np.uint16] | None:
        """8x8, row-major, as in the file; None for a grey file."""
        return np.array(self.chroma_steps, np.uint16).reshape(8, 8) if self.chroma_steps else None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Compression:
        """The inverse of `dataclasses.asdict` after a trip through JSON."""
        tuples: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in values.items()}
        return cls(**tuples)


@dataclass(frozen=True)
class Executed:
    """A step as it was carried out.

    Attributes:
        name: of the step.
        parameters: its arguments with defaults resolved, and what they led to (a size, a sigma).
    """

    name: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Donor:
    """A picture that lent a region.

    Attributes:
        label: its number in `Truth.regions`.
        step: position of the splice in the chain, from 0.
        source: name or path; "input" for the input picture.
        input_size: rows and columns of the donor before its chain.
        input_sha256: of its pixels.
        chain: its history as text.
        steps: its history as carried out.
        compressions: its own, with origins in the final picture.
    """

    label: int
    step: int
    source: str
    input_size: tuple[int, int]
    input_sha256: str
    chain: str
    steps: tuple[Executed, ...]
    compressions: tuple[Compression, ...]


@dataclass(frozen=True)
class Truth:
    """The known history of a simulated picture.

    Attributes:
        chain: as text; parses back to the chain.
        seed: of everything random.
        input_size: rows and columns.
        input_sha256: of the shape and the pixels of the input.
        output_size: rows and columns.
        decoder: what decoded between the steps.
        steps: everything that was done, in order.
        compressions: of the picture itself; those after a splice hold for the spliced regions as well.
        donors: one per splice.
        regions: uint8, 0 for the picture itself, else the label of a donor; None without a splice.
    """

    chain: str
    seed: int
    input_size: tuple[int, int]
    input_sha256: str
    output_size: tuple[int, int]
    decoder: str
    steps: tuple[Executed, ...]
    compressions: tuple[Compression, ...]
    donors: tuple[Donor, ...] = ()
    regions: NDArray[np.uint8] | None = field(default=None, compare=False)

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """Where the final picture shows a donor."""
        return None if self.regions is None else self.regions > 0

    @property
    def manipulations(self) -> tuple[Executed, ...]:
        """Every step that is no compression."""
        return tuple(step for step in self.steps if step.name != "jpeg")

    def history(self, label: int = 0) -> tuple[Compression, ...]:
        """All compressions that a region went through, first one first.

        Args:
            label: 0 for the picture itself, else the label of a donor.
        """
        if label == 0:
            return self.compressions
        for donor in self.donors:
            if donor.label == label:
                common = tuple(part for part in self.compressions if part.step > donor.step)
                return donor.compressions + common
        raise ChainError(f"there is no donor {label}")

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and texts; the regions as runs."""
        values = {key: value for key, value in asdict(self).items() if key != "regions"}
        values["manipulations"] = [asdict(step) for step in self.manipulations]
        values["regions"] = None if self.regions is None else _runs(self.regions)
        plain: dict[str, Any] = _plain({"format": FORMAT, **values})
        return plain

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Truth:
        """Read what `to_dict` wrote.

        Raises:
            ChainError: it is of another format.
        """
        if values.get("format") != FORMAT:
            raise ChainError(f"this truth record has format {values.get('format')!r}; this version reads {FORMAT}")
        return cls(
            chain=values["chain"],
            seed=values["seed"],
            input_size=_pair(values["input_size"]),
            input_sha256=values["input_sha256"],
            output_size=_pair(values["output_size"]),
            decoder=values["decoder"],
            steps=tuple(Executed(**step) for step in values["steps"]),
            compressions=tuple(map(Compression.from_dict, values["compressions"])),
            donors=tuple(map(_donor, values["donors"])),
            regions=None if values["regions"] is None else _from_runs(values["regions"]),
        )


def _pair(values: Any) -> tuple[int, int]:
    return int(values[0]), int(values[1])


def _donor(values: dict[str, Any]) -> Donor:
    return Donor(
        label=values["label"],
        step=values["step"],
        source=values["source"],
        input_size=_pair(values["input_size"]),
        input_sha256=values["input_sha256"],
        chain=values["chain"],
        steps=tuple(Executed(**step) for step in values["steps"]),
        compressions=tuple(map(Compression.from_dict, values["compressions"])),
    )


def _plain(value: Any) -> Any:
    """Tuples to lists, throughout, so that a record equals its JSON."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value


def _runs(labels: NDArray[np.uint8]) -> dict[str, Any]:
    """Run lengths in reading order: pairs of label and count."""
    flat = labels.ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    counts = np.diff(np.append(starts, flat.size))
    pairs = np.stack([flat[starts].astype(np.int64), counts], axis=1)
    return {"rows": labels.shape[0], "columns": labels.shape[1], "runs": pairs.tolist()}


def _from_runs(values: dict[str, Any]) -> NDArray[np.uint8]:
    labels, counts = np.array(values["runs"], np.int64).reshape(-1, 2).T
    flat = np.repeat(labels.astype(np.uint8), counts)
    if flat.size != values["rows"] * values["columns"]:
        raise ChainError("the regions of this truth record do not fill its picture")
    return flat.reshape(values["rows"], values["columns"])
