"""The tasks of the study by name."""

from __future__ import annotations

from jpegtrace_training.names import find_named
from jpegtrace_training.study.tasks.colours import colours
from jpegtrace_training.study.tasks.folder import labelled_folder
from jpegtrace_training.study.tasks.generated import generated
from jpegtrace_training.study.tasks.pipelines import pipelines
from jpegtrace_training.study.tasks.task import Task

FORENSIC, VISION, YOURS = "forensic", "vision", "yours"

TASKS = {
    task.id: task
    for task in (
        Task(
            "folder",
            "your labels",
            YOURS,
            labelled_folder,
            part=512,
            cannot_show=(
                "whether what is learnt is what you mean: labels whose scenes differ can be told by the scenes",
            ),
        ),
        Task(
            "pipelines",
            "which of six simulated cameras developed the scene",
            FORENSIC,
            pipelines,
            cannot_show=("how real cameras fare: the six are simulated, and share some of their settings",),
        ),
        Task(
            "generated",
            "photograph, or made by an up-sampling network",
            FORENSIC,
            generated,
            cannot_show=("how other generators fare: this one is small, and all pictures are of one",),
        ),
        Task(
            "colours",
            "colours as they are, or red and blue exchanged",
            VISION,
            colours,
            cannot_show=("how harder questions fare: colours are easy to see, and survive any compression",),
        ),
    )
}


def find(name: str) -> Task:
    """The task of this name.

    Raises:
        UsageError: there is none.
    """
    return find_named("task", name, TASKS)
