import numpy as np
import pytest
import torch

from jpegtrace.errors import JpegtraceError, UsageError
from jpegtrace_training.study.conditions import RANDOM, cut_for_test
from jpegtrace_training.study.training import Labelled, Schedule, accuracies, train

CUT = cut_for_test(RANDOM)


class Brightness(torch.nn.Module):
    """Two scores of the mean of a patch."""

    def __init__(self):
        super().__init__()
        self.last = torch.nn.Linear(1, 2)

    def forward(self, pixels):
        return self.last(pixels.float().mean((1, 2, 3)).unsqueeze(1) / 255)


@pytest.fixture
def sides():
    """Dark and light pictures."""
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 2
    pictures = [rng.normal(60 + 130 * label, 10, (40, 40, 3)).clip(0, 255).astype(np.uint8) for label in labels]
    sources = [str(number) for number in range(12)]
    return Labelled(pictures[:8], labels[:8], sources[:8]), Labelled(pictures[8:], labels[8:], sources[8:])


def trained(sides, *, seed=0, losses=None, monkeypatch=None, **schedule):
    torch.manual_seed(seed)
    model = Brightness()
    if losses is not None:
        told = iter(losses)
        monkeypatch.setattr("jpegtrace_training.study.training._loss", lambda *_: next(told))
    return model, train(model, *sides, CUT, 32, Schedule(batch=4, **schedule), seed)


def test_it_learns(sides):
    model, told = trained(sides, rate=0.3, epochs=30)
    assert accuracies(model, sides[1], CUT, 32, 4, 0, 2) == [1.0, 1.0]
    assert (told.epochs, told.seen) == (30, 30 * 8)


def test_patches_of_a_last_batch_that_waits_are_not_counted_as_seen(sides):
    training, validation = sides
    nine = Labelled([*training.pictures, training.pictures[0]], np.append(training.labels, 0), [*training.sources, "x"])
    _, told = trained((nine, validation), epochs=3)
    assert told.seen == 3 * 8  # of 9, in batches of 4
    _, told = trained((nine, validation), epochs=3, each=3)
    assert told.seen == 3 * 27  # 3 of 4 are enough


def test_the_rate_drops_after_ten_epochs_and_it_ends_after_more_than_twenty(sides, monkeypatch):
    losses = [1.0, 0.9] + [1.0] * 40
    _, told = trained(sides, losses=losses, monkeypatch=monkeypatch)
    assert (told.best, told.epochs, told.early) == (2, 23, True)
    assert told.rates == pytest.approx([1e-3] * 12 + [1e-4] * 10 + [1e-5])


def test_a_better_loss_begins_the_count_anew(sides, monkeypatch):
    losses = [1.0] + [1.1] * 19 + [0.5] + [1.0] * 40
    _, told = trained(sides, losses=losses, monkeypatch=monkeypatch)
    assert (told.best, told.epochs) == (21, 42)


def test_the_weights_of_the_best_epoch_are_taken(sides, monkeypatch):
    kept, _ = trained(sides, losses=[0.5] + [1.0] * 4, monkeypatch=monkeypatch, epochs=5, rate=0.1)
    once, told = trained(sides, losses=[0.5], monkeypatch=monkeypatch, epochs=1, rate=0.1)
    assert torch.equal(kept.last.weight, once.last.weight)
    assert not told.early


def test_a_seed_decides_everything(sides):
    weights = [trained(sides, seed=seed, epochs=3)[0].last.weight for seed in (1, 1, 2)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_loss_that_is_no_number_is_an_error(sides, monkeypatch):
    with pytest.raises(JpegtraceError, match="the validation loss is nan after 1 epochs; take a lower rate"):
        trained(sides, losses=[float("nan")], monkeypatch=monkeypatch)


def test_pictures_of_a_source_with_several_labels_are_cut_at_one_place_side_by_side():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (60, 60, 3), dtype=np.uint8) for _ in range(6)]
    pictures = [picture // 2 + 100 * (index % 2) for index, picture in enumerate(np.repeat(pictures, 2, axis=0))]
    side = Labelled(pictures, np.arange(12) % 2, [str(index // 2) for index in range(12)])
    pixels, labels = side.drawn(CUT, 32, 2, np.random.default_rng(1))
    assert labels.tolist() == [0, 1] * 12
    assert torch.equal(pixels[0::2] + 100, pixels[1::2])
    assert len({patch.numpy().tobytes() for patch in pixels}) == 24


def test_pictures_of_a_source_with_one_label_are_mixed_with_all_others():
    side = Labelled([np.zeros((40, 40, 3), np.uint8)] * 4, np.array([0, 0, 1, 1]), ["a", "a", "b", "b"])
    assert side.groups == [[0], [1], [2], [3]]


def test_accuracy_is_counted_class_by_class(sides):
    model = Brightness()
    with torch.no_grad():
        model.last.weight.zero_()
        model.last.bias[:] = torch.tensor([0.0, 1.0])
    assert accuracies(model, sides[1], CUT, 32, 3, 0, 2) == [0.0, 1.0]


def test_a_class_without_test_pictures_is_an_error_and_no_number(sides):
    test = sides[1]
    half = Labelled(test.pictures[::2], test.labels[::2], test.sources[::2])
    with pytest.raises(UsageError, match="no test picture of label 2 of 2"):
        accuracies(Brightness(), half, CUT, 32, 1, 0, 2)
    with pytest.raises(UsageError, match="no test picture of label 1 of 2"):
        accuracies(Brightness(), Labelled([], np.array([], np.int64), []), CUT, 32, 1, 0, 2)
