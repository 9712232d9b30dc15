"""Samples are functions of their number: workers, order and interruptions change nothing."""

import pickle
from itertools import chain, pairwise

import numpy as np
import pytest

from checks.pictures import scene
from jpegtrace.errors import ChainError, UsageError
from jpegtrace_training.augmentation import JpegAugmentation

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from jpegtrace_training.loading import CHECKS, TRAINING, AugmentedPictures, Batches, collate, loader  # noqa: E402

# Of the workers: fork beside threads of other tests, and machines with one core.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]

PICTURES = [scene(seed, 80, 90) for seed in range(6)]
LABELS = [0, 1, 2, 0, 1, 2]
AUGMENTATION = JpegAugmentation(24, (0.2, 0.8), (30, 100))


def drawn(pictures, count, rng, side):
    """A draw of a recipe: pieces, their quality, something with holes in memory."""
    patches, histories = zip(
        *(JpegAugmentation(side)(pictures[rng.integers(len(pictures))], rng) for _ in range(count)), strict=True
    )
    return {
        "pixels": np.stack(patches).transpose(0, 3, 1, 2),
        "quality": np.array([history.last_quality for history in histories], np.float32),
        "noise": rng.normal(size=(count, 4))[:, ::-1],
    }


def batches(**changed):
    settings = {"draw": drawn, "pictures": PICTURES, "count": 3, "side": 16, "seed": 5, "stream": TRAINING, **changed}
    return Batches(**settings)


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def dataset(**changed):
    return AugmentedPictures(**{"pictures": PICTURES, "labels": LABELS, "augmentation": AUGMENTATION, **changed})


def epoch_of(samples, **options):
    """Patches, labels and histories of an epoch."""
    options = {"batch_size": 4, "collate_fn": collate, **options}
    patches, labels, histories = zip(*DataLoader(samples, **options), strict=True)
    return torch.cat(patches), torch.cat(labels), list(chain.from_iterable(histories))


def same(one, other):
    return torch.equal(one[0], other[0]) and torch.equal(one[1], other[1]) and one[2] == other[2]


class TestBatches:
    def test_what_a_batch_is(self):
        batch = batches()[3]
        wanted = drawn(PICTURES, 3, np.random.default_rng([TRAINING, 5, 3]), 16)
        for name, array in wanted.items():
            np.testing.assert_array_equal(batch[name].numpy(), array)
            assert batch[name].is_contiguous()
        assert (batch["pixels"].shape, batch["pixels"].dtype) == ((3, 3, 16, 16), torch.uint8)

    def test_a_batch_depends_on_its_number_alone(self):
        forwards = [batches()[number] for number in range(4)]
        one = batches()
        backwards = [one[number] for number in (3, 2, 1, 0)][::-1]
        assert all(map(equal, forwards, backwards))
        assert not any(equal(a, b) for a, b in pairwise(forwards))

    @pytest.mark.parametrize("changed", [{"stream": CHECKS}, {"seed": 6}])
    def test_other_streams_and_seeds_are_other_samples(self, changed):
        ours = [batches()[number]["noise"] for number in range(8)]
        theirs = [batches(**changed)[number]["noise"] for number in range(8)]
        assert len({row.tobytes() for noise in (*ours, *theirs) for row in noise.numpy()}) == 2 * 8 * 3

    def test_the_streams(self):
        assert TRAINING != CHECKS
        assert equal(batches()[2], batches(stream=TRAINING)[2])

    def test_workers_change_nothing(self):
        wanted = [batches()[number] for number in range(7)]
        for workers in (0, 2):
            found = list(loader(batches(), range(7), workers=workers, pinned=False))
            assert len(found) == 7
            assert all(map(equal, wanted, found))

    def test_workers_do_the_work(self):
        def where(pictures, count, rng, side):
            worker = torch.utils.data.get_worker_info()
            return {"worker": np.array([-1 if worker is None else worker.id])}

        for workers, wanted in ((0, {-1}), (2, {0, 1})):
            found = loader(batches(draw=where), range(6), workers=workers, pinned=False)
            assert {int(batch["worker"]) for batch in found} == wanted

    @pytest.mark.parametrize("workers", [0, 2])
    def test_a_run_that_goes_on_sees_what_it_would_have_seen(self, workers):
        found = list(loader(batches(), range(4, 7), workers=workers, pinned=False))
        assert all(map(equal, [batches()[number] for number in (4, 5, 6)], found))

    @pytest.mark.parametrize("kept", [False, True])
    def test_distinct_batches_come_again_in_other_orders(self, tmp_path, kept):
        some = batches(distinct=5, kept=tmp_path / "kept" if kept else None)
        first, *turns = ([some[turn * 5 + k]["noise"].numpy().tobytes() for k in range(5)] for turn in range(4))
        assert first == [batches()[number]["noise"].numpy().tobytes() for number in range(5)]
        assert all(sorted(turn) == sorted(first) for turn in turns)
        assert len({tuple(turn) for turn in (first, *turns)}) > 2

    def test_kept_batches_are_read(self, tmp_path):
        some = batches(distinct=2, kept=tmp_path)
        wanted = some[1]
        some.draw = None
        assert equal(some[1], wanted)

    def test_a_kept_batch_that_was_cut_off_is_drawn_again(self, tmp_path):
        some = batches(distinct=2, kept=tmp_path)
        wanted = some[1]
        path = tmp_path / "1.npz"
        whole = path.read_bytes()
        for length in (0, 10, len(whole) // 2):
            path.write_bytes(whole[:length])
            assert equal(some[1], wanted)
            assert path.read_bytes() == whole
        assert [found.name for found in tmp_path.iterdir()] == ["1.npz"]

    def test_processes_share_the_batches(self):
        shares = [list(loader(batches(), range(rank, 6, 2), workers=0, pinned=False)) for rank in (0, 1)]
        together = [batch for pair in zip(*shares, strict=True) for batch in pair]
        assert all(map(equal, [batches()[number] for number in range(6)], together))

    def test_nothing_left_to_do(self):
        assert list(loader(batches(), range(7, 7), workers=0, pinned=False)) == []

    def test_an_error_of_a_draw_arrives(self):
        with pytest.raises(ChainError, match="too small"):
            next(loader(batches(side=90), range(1), workers=0, pinned=False))


class TestAugmentedPictures:
    def test_a_sample(self):
        patch, label, history = dataset(labels=["a", "b", "c", "d", "e", "f"], seed=3)[4]
        wanted, told = AUGMENTATION(PICTURES[4], np.random.default_rng([3, 0, 4]))
        np.testing.assert_array_equal(patch.numpy(), wanted.transpose(2, 0, 1))
        assert patch.is_contiguous()
        assert patch.dtype == torch.uint8
        assert (label, history) == ("e", told)

    def test_in_a_stock_training_loop(self):
        """Three lines around any classifier; histories are there for whoever wants them."""
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.LazyLinear(3))
        model(torch.zeros(1, 3, 24, 24))
        optimiser = torch.optim.SGD(model.parameters(), 1e-6)
        before = [p.detach().clone() for p in model.parameters()]

        samples = AugmentedPictures(PICTURES, LABELS, JpegAugmentation(side=24))
        for patches, labels, histories in DataLoader(samples, batch_size=3, shuffle=True, collate_fn=collate):
            loss = torch.nn.functional.cross_entropy(model(patches.float()), labels)

            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            assert patches.shape == (3, 3, 24, 24)
            assert len(histories) == 3
        assert any((p != q).any() for p, q in zip(before, model.parameters(), strict=True))

    def test_workers_change_nothing(self):
        samples = dataset()
        wanted = epoch_of(samples)
        assert wanted[1].tolist() == LABELS
        assert {len(history) for history in wanted[2]} == {0, 1}
        assert same(wanted, epoch_of(samples, num_workers=2))

    def test_epochs_differ_and_come_back(self):
        samples = dataset()
        epochs = []
        for number in range(3):
            samples.begin_epoch(number)
            assert samples.epoch == number
            epochs.append(epoch_of(samples))
        assert not any((one[0] == other[0]).all() for one, other in pairwise(epochs))
        assert epochs[0][2] != epochs[1][2] != epochs[2][2]
        again = dataset()
        again.begin_epoch(1)
        assert same(epochs[1], epoch_of(again))

    def test_workers_that_outlive_an_epoch_begin_the_next(self):
        samples, alone = dataset(), dataset()
        loading = DataLoader(samples, batch_size=4, collate_fn=collate, num_workers=2, persistent_workers=True)
        for number in (0, 1, 2, 1):
            samples.begin_epoch(number)
            alone.begin_epoch(number)
            patches, _, _ = zip(*loading, strict=True)
            assert torch.equal(torch.cat(patches), epoch_of(alone)[0])

    def test_seeds_differ(self):
        assert not torch.equal(epoch_of(dataset())[0], epoch_of(dataset(seed=1))[0])

    def test_pictures_made_on_demand(self):
        """A function of the index, as for folders; asked for what is needed and no more."""
        asked = []

        def made(index):
            asked.append(index)
            return PICTURES[index]

        samples = dataset(pictures=made)
        assert len(samples) == 6
        assert same(epoch_of(samples), epoch_of(dataset()))
        assert asked == list(range(6))
        assert same(epoch_of(samples, num_workers=2), epoch_of(dataset()))
        assert len(list(samples)) == 6  # ends

    @pytest.mark.parametrize("kind", [list, tuple, np.stack])
    def test_it_travels_to_other_processes(self, kind):
        """As they are started where there is no fork."""
        samples = dataset(pictures=kind(PICTURES))
        samples.begin_epoch(2)
        assert same(epoch_of(pickle.loads(pickle.dumps(samples))), epoch_of(samples))  # noqa: S301

    def test_batches_travel_too(self):
        there = pickle.loads(pickle.dumps(batches()))  # noqa: S301
        assert equal(there[1], batches()[1])

    @pytest.mark.parametrize("labels", [LABELS[:5], [*LABELS, 0]])
    def test_as_many_labels_as_pictures(self, labels):
        with pytest.raises(UsageError, match=f"there are 6 pictures and {len(labels)} labels"):
            dataset(labels=labels)

    def test_a_picture_that_is_too_small(self):
        with pytest.raises(ChainError, match="90x80 is too small"):
            dataset(augmentation=JpegAugmentation(64))[0]


class TestCollate:
    @pytest.mark.parametrize(
        ("labels", "wanted"),
        [
            ([2, 0], torch.tensor([2, 0])),
            ([0.5, 1.0], torch.tensor([0.5, 1.0])),
            ([True, False], torch.tensor([True, False])),
            ([[0, 1], [1, 1]], torch.tensor([[0, 1], [1, 1]])),
            ([np.array([0, 1]), np.array([1, 1])], torch.tensor([[0, 1], [1, 1]])),
            (list(torch.eye(2)), torch.eye(2)),
            (torch.tensor([4, 5]), torch.tensor([4, 5])),
            (np.array([4, 5]), torch.tensor([4, 5])),
        ],
    )
    def test_labels_of_every_kind(self, labels, wanted):
        samples = dataset(pictures=PICTURES[:2], labels=labels)
        patches, found, histories = collate([samples[0], samples[1]])
        assert torch.equal(found, wanted)
        assert found.dtype == wanted.dtype
        assert torch.equal(patches, torch.stack([samples[0][0], samples[1][0]]))
        assert histories == [samples[0][2], samples[1][2]]
