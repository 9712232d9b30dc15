"""The list of networks that can be trained is that of the recipes, and does not need what they need."""

import subprocess
import sys

import pytest

from jpegtrace import networks
from jpegtrace.errors import UsageError
from jpegtrace.networks.trainable import trainable


def test_it_is_the_list_of_the_recipes():
    """Otherwise run scripts/update_docs.py where PyTorch is installed."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from jpegtrace_training.recipes import recipes

    assert dict(trainable()) == {recipe.id: recipe.title for recipe in recipes().values()}


def test_it_and_the_options_of_training_load_no_torch():
    code = (
        "import sys; from jpegtrace.networks.trainable import trainable; "
        "from jpegtrace_training.options import parser; "
        "assert trainable() and parser(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_options_are_those_that_the_trainer_knows():
    pytest.importorskip("torch")
    from jpegtrace_training import options, trainer

    assert tuple(trainer.PRECISIONS) == options.PRECISIONS


def test_a_card_of_each_has_weights_or_a_way_to_them():
    missing = [name for name in trainable() if name not in networks.card_ids()]
    for name in missing:
        with pytest.raises(UsageError, match=f"no weights called '{name}' yet; jpegtrace train {name} "):
            networks.card(name)
