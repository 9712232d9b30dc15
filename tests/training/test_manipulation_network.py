"""`manipulation`: what the network answers, and what its recipe draws and counts."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from jpegtrace.manipulation import Posterior, describe, grid  # noqa: E402
from jpegtrace.manipulation.features import PARTS, SIGNALS, Features, count_of  # noqa: E402
from jpegtrace.manipulation.layout import FREQUENCIES, LARGEST, SMALLEST  # noqa: E402
from jpegtrace.manipulation.posterior import EXPERTS, FOR_OPERATION  # noqa: E402
from jpegtrace.tables import ijg_table  # noqa: E402
from jpegtrace_training import operations  # noqa: E402
from jpegtrace_training.networks import NETWORKS  # noqa: E402
from jpegtrace_training.networks.manipulation import HEADS, Manipulation  # noqa: E402
from jpegtrace_training.pictures import made  # noqa: E402
from jpegtrace_training.recipes import manipulation as recipe_module  # noqa: E402
from jpegtrace_training.recipes.manipulation import PARAMETERS, RECIPES, SIDES, extent_of  # noqa: E402
from support.pictures import scene  # noqa: E402

RECIPE, *_ = RECIPES
EXPERT_RECIPES = {recipe.id.removeprefix("manipulation-"): recipe for recipe in RECIPES[1:]}
GRIDS = {"factor": grid.FACTORS, "sigma": grid.SIGMAS, "size": grid.SIZES, "noise": grid.NOISES}
LENGTHS = {"operation": len(grid.OPERATIONS), "kernel": len(grid.KERNELS)} | {
    name: len(points) for name, points in GRIDS.items()
}


def shapes_of(expert):
    count = (count_of(expert.reads),)
    if not expert.traces:
        return {"values": count}
    return {"lines": (2, SIGNALS, FREQUENCIES), "phases": (2, SIGNALS, 8), "others": count}


SHAPES = shapes_of(FOR_OPERATION)
NAN = np.nan


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return Manipulation().eval()


@pytest.fixture(scope="module")
def drawn():
    return RECIPE.draw(made(2, 192, seed=1).training, 24, np.random.default_rng(2), 128)


def in_torch(arrays):
    return {name: torch.from_numpy(np.array(values)) for name, values in arrays.items()}


def answered(network, inputs):
    with torch.no_grad():
        return dict(zip(network.outputs, network(**inputs), strict=True))


class Fixed(torch.nn.Module):
    """Answers what it was told, whatever it is asked."""

    def __init__(self, count, seed, heads=tuple(HEADS)):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.answers = {}
        for name in heads:
            scores = rng.normal(0, 2, (count, LENGTHS[name]))
            self.answers[name] = scores - np.log(np.exp(scores).sum(1, keepdims=True))

    def forward(self, *_):
        return tuple(torch.from_numpy(answer.astype(np.float32)) for answer in self.answers.values())


# One of each operation, with parameters on, between and beyond the points of the grid.
PAST = {
    "operation": np.array([0, 1, 2, 3, 4, 5]),
    "kernel": np.array([-1, 2, -1, -1, -1, 0]),
    "factor": np.array([NAN, 1.207, NAN, NAN, NAN, 0.3], np.float32),
    "sigma": np.array([NAN, NAN, 0.7, NAN, NAN, 1.9], np.float32),
    "size": np.array([NAN, NAN, NAN, 9, NAN, NAN], np.float32),
    "noise": np.array([NAN, NAN, NAN, NAN, 500, NAN], np.float32),
}


def batch():
    return in_torch(PAST | {name: np.zeros((6, 1), np.float16) for name in Features._fields})


def entropies(answers, name):
    """Of every sample, by hand: the two points around a value count by its distance in the logarithm."""
    found = []
    for answer, value in zip(answers[name], PAST[name].astype(float), strict=True):
        points, total = np.log(GRIDS[name]), 0.0
        if not np.isnan(value):
            place = np.clip(np.log(value), points[0], points[-1])
            above = max(1, int(np.searchsorted(points, place)))
            share = (place - points[above - 1]) / (points[above] - points[above - 1])
            total = -(1 - share) * answer[above - 1] - share * answer[above]
        found.append(total)
    return np.array(found)


class TestNetwork:
    def test_answers_are_logarithms_of_probabilities_over_the_grids(self, network):
        found = answered(network, network.example(count=3))
        assert list(found) == ["operation"]
        for name, answer in found.items():
            assert answer.shape == (3, LENGTHS[name])
            assert answer.dtype == torch.float32
            assert answer.max() <= 0
            torch.testing.assert_close(answer.exp().sum(1), torch.ones(3))

    def test_exchanging_both_directions_changes_nothing(self, network):
        inputs = network.example(count=4, seed=2)
        turned = {name: values if name == "others" else values.flip(1) for name, values in inputs.items()}
        found, again = answered(network, inputs), answered(network, turned)
        torch.testing.assert_close(again["operation"], found["operation"])
        for name in set(Features._fields) - {"others"}:
            other = answered(network, inputs | {name: inputs[name].flip(2)})
            assert not torch.allclose(other["operation"], found["operation"])

    def test_pieces_of_a_batch_do_not_see_one_another(self, network):
        inputs = network.example(count=5, seed=4)
        found = answered(network, inputs)
        alone = answered(network, {name: values[2:3] for name, values in inputs.items()})
        torch.testing.assert_close(alone["operation"], found["operation"][2:3], rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("name", Features._fields)
    def test_every_input_matters(self, network, name):
        inputs = network.example(count=2, seed=5)
        found = answered(network, inputs)
        for head, answer in answered(network, inputs | {name: inputs[name] + 1}).items():
            assert not torch.allclose(answer, found[head]), head

    def test_it_takes_the_features_of_pieces(self, network):
        table = ijg_table(80)
        for height, width in ((SMALLEST, LARGEST), (96, 72)):
            features = describe(np.ascontiguousarray(scene(height, width)[..., 1]), table, FOR_OPERATION.reads)
            found = answered(network, {k: torch.from_numpy(v[None]) for k, v in features._asdict().items()})
            assert all(answer.isfinite().all() for answer in found.values())

    def test_everything_is_described_for_its_card(self, network):
        assert set(network.meanings) >= {*Features._fields, *network.outputs}
        assert list(network.example()) == list(Features._fields)

    def test_the_example_has_the_shape_of_features(self, network):
        example = network.example(count=3)
        assert {name: tuple(values.shape[1:]) for name, values in example.items()} == SHAPES
        for name, values in network.example(count=3).items():
            torch.testing.assert_close(values, example[name])


class TestDraw:
    def test_what_is_drawn(self, drawn):
        assert set(drawn) == {*Features._fields, "operation", "kernel", *PARAMETERS}
        assert {name: drawn[name].shape for name in SHAPES} == {name: (24, *shape) for name, shape in SHAPES.items()}
        for names, kind in ((Features._fields, np.float16), (PARAMETERS, np.float32)):
            assert {drawn[name].dtype for name in names} == {np.dtype(kind)}
        for name in ("operation", "kernel"):
            assert drawn[name].dtype == np.int64
            assert drawn[name].shape == (24,)
        assert all(np.isfinite(drawn[name]).all() for name in Features._fields)

    def test_parameters_are_there_where_their_operation_is(self, drawn):
        carriers = {"factor": (1, 5), "sigma": (2, 5), "size": (3,), "noise": (4,)}
        assert len(set(drawn["operation"])) >= 4
        for name, operation in carriers.items():
            np.testing.assert_array_equal(~np.isnan(drawn[name]), np.isin(drawn["operation"], operation))
        np.testing.assert_array_equal(drawn["kernel"] >= 0, np.isin(drawn["operation"], (1, 5)))

    def test_it_is_what_operations_draws(self):
        pictures = made(2, 160, seed=3).training
        found = RECIPE.draw(pictures, 5, np.random.default_rng(4), 128)
        rng = np.random.default_rng(4)
        rng.choice(3, p=[share for _, share in SIDES])  # the size, first of all
        for side in (128, 96, 64):
            samples, pasts = operations.draw(pictures, 5, np.random.Generator(clone(rng)), side)
            features = [describe(*sample, FOR_OPERATION.reads) for sample in samples]
            if all((found["lines"][n] == one.lines.astype(np.float16)).all() for n, one in enumerate(features)):
                break
        else:
            pytest.fail("of none of the sizes")
        for n, (one, past) in enumerate(zip(features, pasts, strict=True)):
            for name, values in one._asdict().items():
                np.testing.assert_array_equal(found[name][n], values.astype(np.float16))
            assert (found["operation"][n], found["kernel"][n]) == (past.operation, past.kernel)
            for name in PARAMETERS:
                assert found[name][n] == pytest.approx(getattr(past, name), nan_ok=True)

    def test_last_tables_can_be_asked_for(self):
        pictures = made(2, 160, seed=3).training
        samples, pasts = operations.draw(pictures, 6, np.random.default_rng(6), 64, [0, 3], (90, 90), known=0.0)
        assert all((sample.table == ijg_table(90)).all() for sample in samples)
        assert {past.operation for past in pasts} <= {0, 3}

    def test_batches_are_of_several_sizes(self, monkeypatch):
        sides = []

        def asked(pictures, count, rng, side):
            sides.append(side)
            return real(pictures, 1, rng, 64)

        real = operations.draw
        monkeypatch.setattr(recipe_module.operations, "draw", asked)
        rng = np.random.default_rng(5)
        for _ in range(60):
            RECIPE.draw([scene(120, 120)], 8, rng, RECIPE.side)
        assert {side: sides.count(side) for side in sorted(set(sides))}.keys() == {128, 192, 256}
        assert min(map(sides.count, set(sides))) > 8
        assert sum(share for _, share in SIDES) == pytest.approx(1)

    @pytest.mark.parametrize("side", [RECIPE.side, RECIPE.smoke_side, 20, 248])
    def test_every_size_is_one_that_can_be_described(self, side):
        for part, _ in SIDES:
            extent = extent_of(side, part)
            assert extent % 8 == 0
            assert SMALLEST <= extent <= LARGEST


def clone(rng):
    """A generator in the same state."""
    found = np.random.PCG64()
    found.state = rng.bit_generator.state
    return found


def all_losses(model, given):
    """Of a network for all that the recipes of this module know."""
    return recipe_module.loss(model, given, tuple(HEADS))


class TestLoss:
    def test_it_is_the_entropy_of_every_answer(self):
        model = Fixed(6, seed=1)
        found = {name: float(value) for name, value in all_losses(model, batch()).items()}
        answers = model.answers
        wanted = {name: entropies(answers, name).mean() for name in PARAMETERS}
        wanted["operation"] = -np.mean([answers["operation"][n, true] for n, true in enumerate(PAST["operation"])])
        wanted["kernel"] = -(answers["kernel"][1, 2] + answers["kernel"][5, 0]) / 6
        wanted["loss"] = sum(wanted.values())
        assert found == pytest.approx(wanted, rel=1e-5)

    def test_what_was_not_done_counts_nothing(self):
        nothing = batch() | {
            "operation": torch.zeros(6, dtype=torch.int64),
            "kernel": torch.full((6,), -1),
            **{name: torch.full((6,), NAN) for name in PARAMETERS},
        }
        found = all_losses(Fixed(6, seed=2), nothing)
        assert {
            name: float(value) for name, value in found.items() if name not in ("loss", "operation")
        } == dict.fromkeys(["kernel", *PARAMETERS], 0)
        assert float(found["loss"]) == pytest.approx(float(found["operation"]))

    def test_the_network_for_operations_counts_nothing_else(self):
        model = Fixed(6, seed=1, heads=("operation",))
        found = RECIPE.loss(model, batch())
        assert list(found) == ["loss", "operation"]
        wanted = -np.mean([model.answers["operation"][n, true] for n, true in enumerate(PAST["operation"])])
        assert float(found["loss"]) == pytest.approx(wanted, rel=1e-5)

    def test_it_is_nothing_where_the_answers_are_right(self):
        model, given = Fixed(6, seed=0), batch()
        for name, answer in model.answers.items():
            answer[:] = -30
            for n, value in enumerate(PAST[name]):
                if name in ("operation", "kernel"):
                    answer[n, value] = 0
                elif not np.isnan(value):
                    place = np.abs(np.log(GRIDS[name] / value)).argmin()
                    answer[n, place] = 0
                    given[name][n] = GRIDS[name][place]
        assert float(all_losses(model, given)["loss"]) == pytest.approx(0, abs=1e-3)

    def test_what_is_drawn_is_enough_and_every_weight_learns(self, drawn):
        torch.manual_seed(2)
        model = Manipulation().train()
        parts = RECIPE.loss(model, in_torch(drawn))
        assert parts["loss"].shape == ()
        assert all(value.isfinite() for value in parts.values())
        parts["loss"].backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
        (head,) = model.heads
        assert all(parameter.grad.any() for parameter in head.parameters())


class TestMeasure:
    def test_figures_of_every_sample(self):
        model = Fixed(6, seed=3, heads=("operation",))
        found = {name: values.numpy() for name, values in RECIPE.measure(model, batch()).items()}
        assert RECIPE.better[0] in found
        np.testing.assert_array_equal(found["accuracy"], model.answers["operation"].argmax(1) == PAST["operation"])
        assert all(values.shape == (6,) for values in found.values())

    def test_its_loss_is_that_of_the_training(self):
        model = Fixed(6, seed=4, heads=("operation",))
        found, wanted = RECIPE.measure(model, batch())["loss"], RECIPE.loss(model, batch())["loss"]
        assert float(found.mean()) == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize("parameter", EXPERTS)
class TestExperts:
    """Of single parameters of the grid, in the same words."""

    def test_each_can_be_trained(self, parameter):
        assert list(EXPERTS) == list(EXPERT_RECIPES)
        assert parameter in EXPERTS[parameter].heads
        assert set(EXPERTS[parameter].heads) <= set(Posterior._fields)
        assert set(EXPERTS[parameter].reads) <= set(PARTS)

    def test_it_answers_for_its_parameter_alone(self, parameter):
        torch.manual_seed(3)
        network = NETWORKS[f"manipulation-{parameter}"]().eval()
        with torch.no_grad():
            found = dict(zip(network.outputs, network(**network.example(count=3)), strict=True))
        assert tuple(found) == EXPERTS[parameter].heads
        for name, answer in found.items():
            assert answer.shape == (3, LENGTHS[name])
            torch.testing.assert_close(answer.exp().sum(1), torch.ones(3))

    def test_it_sees_nothing_but_pieces_with_the_parameter(self, parameter):
        drawn = EXPERT_RECIPES[parameter].draw(made(2, 192, seed=1).training, 6, np.random.default_rng(2), 64)
        assert not np.isnan(drawn[parameter]).any()
        assert np.isin(drawn["operation"], grid.CARRIED_BY[parameter]).all()
        shapes = shapes_of(EXPERTS[parameter])
        assert {name: drawn[name].shape[1:] for name in shapes} == shapes
        assert all(len(np.unique(drawn[name], axis=0)) == 6 for name in shapes)

    def test_every_input_matters(self, parameter):
        torch.manual_seed(3)
        network = NETWORKS[f"manipulation-{parameter}"]().eval()
        inputs = network.example(count=2)
        with torch.no_grad():
            before = network(**inputs)[0]
            for name, values in inputs.items():
                assert not torch.allclose(network(**inputs | {name: values * 0.5})[0], before)
        assert set(network.meanings) >= {*inputs, *network.outputs}

    def test_its_loss_is_the_entropy_of_its_answers(self, parameter):
        model, recipe = Fixed(6, 5, EXPERTS[parameter].heads), EXPERT_RECIPES[parameter]
        wanted = entropies(model.answers, parameter)
        if "kernel" in EXPERTS[parameter].heads:
            wanted[1] -= model.answers["kernel"][1, 2]
            wanted[5] -= model.answers["kernel"][5, 0]
        assert float(recipe.loss(model, batch())["loss"]) == pytest.approx(wanted.mean(), rel=1e-5)
        measured = recipe.measure(model, batch())
        np.testing.assert_allclose(measured["loss"], wanted, rtol=1e-5)
        likeliest = GRIDS[parameter][model.answers[parameter].argmax(1)]
        distance = np.abs(np.log(likeliest) - np.log(PAST[parameter].astype(float)))
        np.testing.assert_allclose(measured["distance"], distance, rtol=1e-4)
