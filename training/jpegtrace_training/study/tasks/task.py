"""What a task is: it makes labelled pictures of a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jpegtrace_training.study.dataset import Dataset

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What a task is made with.

    Attributes:
        folder: of the pictures.
        least: pixels that a picture's sides must have.
        most: sources that are used at most, drawn at random; 0 for all.
        side: of the part in the middle of a picture that is used.
        sources: table of the sources of a folder's pictures; None where every picture is its own.
        labels: of a folder that are used; all where empty.
        generator_steps: that the autoencoder is trained.
        tell: takes a line of progress.
    """

    folder: Path
    least: int
    most: int = 0
    side: int = 256
    sources: Path | None = None
    labels: tuple[str, ...] = ()
    generator_steps: int = 3000
    tell: Tell = lambda _: None


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        id: its name on the command line.
        title: in a few words.
        kind: "forensic", "vision", or "yours" where we cannot know.
        make: pictures of a folder.
        patch: side of the patches where nothing else is said.
        part: side of the part in the middle of a picture that is used, where nothing else is said.
        cannot_show: what a reader might wrongly conclude.
    """

    id: str
    title: str
    kind: str
    make: Callable[[Asked], Dataset]
    patch: int = 64
    part: int = 256
    cannot_show: tuple[str, ...] = ()
