"""Grids of parameters, shares of their points, and quantiles of distributions over them."""

import numpy as np
import pytest

from jpegtrace.manipulation import grid
from jpegtrace.manipulation.grid import quantiles, spread

GRIDS = {"factor": grid.FACTORS, "sigma": grid.SIGMAS, "size": grid.SIZES, "noise": grid.NOISES}
IN_RATIOS = {"factor": (0.4, 2.5, 0.01), "sigma": (0.35, 5, 0.05), "noise": (1, 400, 0.05)}
THREE = np.array([1.0, 10.0, 100.0])


@pytest.fixture(params=GRIDS)
def points(request):
    return GRIDS[request.param]


class TestPoints:
    @pytest.mark.parametrize(("name", "low", "high", "step"), [(name, *ends) for name, ends in IN_RATIOS.items()])
    def test_they_ascend_in_equal_ratios(self, name, low, high, step):
        points = GRIDS[name]
        ratios = points[1:] / points[:-1]
        assert points[[0, -1]] == pytest.approx([low, high])
        np.testing.assert_allclose(ratios, ratios[0], rtol=1e-9)
        assert 1 + 0.9 * step < ratios[0] <= 1 + step

    def test_windows_of_medians_are_odd(self):
        assert grid.SIZES.tolist() == [3, 5, 7, 9, 11, 13, 15]

    def test_every_operation_with_a_parameter_has_a_grid(self):
        assert set(grid.PARAMETERS) == set(grid.CARRIED_BY)
        carrying = {index for carriers in grid.CARRIED_BY.values() for index in carriers}
        assert carrying == set(range(1, len(grid.OPERATIONS)))
        for points in grid.PARAMETERS.values():
            assert (np.diff(points) > 0).all()

    def test_none_is_the_first_operation(self):
        assert grid.OPERATIONS[0] == "none"
        assert len(set(grid.OPERATIONS)) == len(grid.OPERATIONS)


class TestSpread:
    def test_rows_sum_to_1_and_two_neighbours_have_it_all(self, points):
        values = np.exp(np.random.default_rng(1).uniform(np.log(points[0] / 2), np.log(points[-1] * 2), 300))
        found = spread(values, points)
        assert found.shape == (300, len(points))
        assert found.min() >= 0
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-9)
        for shares in found:
            places = np.flatnonzero(shares > 1e-9)
            assert len(places) <= 2
            assert places[-1] - places[0] <= 1

    def test_a_point_of_the_grid_has_it_all(self, points):
        np.testing.assert_allclose(spread(points, points), np.eye(len(points)), atol=1e-9)

    def test_beyond_the_grid_the_ends_have_it(self, points):
        found = spread(np.array([points[0] / 3, points[0] * 0.999, points[-1] * 1.001, points[-1] * 50]), points)
        assert found[:2, 0].tolist() == found[2:, -1].tolist() == [1, 1]
        assert found.sum() == 4

    def test_between_points_by_hand(self):
        """In the logarithm: the root of 10 is halfway from 1 to 10, 10 to the 1.25 a quarter of the way to 100."""
        found = spread(np.array([10**0.5, 10**1.25, 10**0.1]), THREE)
        np.testing.assert_allclose(found, [[0.5, 0.5, 0], [0, 0.75, 0.25], [0.9, 0.1, 0]], atol=1e-12)

    def test_its_mean_in_the_logarithm_is_the_value(self, points):
        values = np.exp(np.random.default_rng(2).uniform(*np.log(points[[0, -1]]), 50))
        if points is grid.SIZES:  # steps of other lengths
            values = points[:-1] ** 0.3 * points[1:] ** 0.7
        np.testing.assert_allclose(np.exp(spread(values, points) @ np.log(points)), values, rtol=1e-9)

    def test_no_values(self):
        assert spread(np.empty(0), THREE).shape == (0, 3)


class TestQuantiles:
    def test_by_hand(self):
        """Mass between the middles, at powers -1/2, 1/2, 3/2 and 5/2 of ten: all shares of 1/2, 1/4 and 1/4."""
        found = np.log10(quantiles(np.array([0.5, 0.25, 0.25]), THREE, (0.0, 0.25, 0.5, 0.625, 0.75, 0.875, 1.0)))
        np.testing.assert_allclose(found, [-0.5, 0, 0.5, 1, 1.5, 2, 2.5], atol=1e-12)

    def test_all_mass_on_one_point(self):
        found = np.log10(quantiles(np.array([0.0, 1.0, 0.0]), THREE, (0.05, 0.5, 0.95)))
        np.testing.assert_allclose(found, [0.55, 1, 1.45], atol=1e-9)
        found = np.log10(quantiles(np.array([0.0, 0.0, 1.0]), THREE, (0.05, 0.5, 0.95)))
        np.testing.assert_allclose(found, [1.55, 2, 2.45], atol=1e-9)

    @pytest.mark.parametrize("alpha", [0.01, 1.0])
    def test_they_grow_with_the_level_and_stay_around_the_points(self, points, alpha):
        rng, levels = np.random.default_rng(3), tuple(np.linspace(0, 1, 41))
        for _ in range(20):
            found = quantiles(rng.dirichlet(np.full(len(points), alpha)), points, levels)
            assert found.shape == (41,)
            assert (np.diff(found) >= 0).all()
            low, high = points[0] * np.sqrt(points[0] / points[1]), points[-1] * np.sqrt(points[-1] / points[-2])
            assert low * (1 - 1e-9) <= found[0] <= found[-1] <= high * (1 + 1e-9)

    def test_a_narrow_distribution_has_its_median_at_its_point(self, points):
        for place in (1, len(points) // 2, len(points) - 2):
            shares = np.full(len(points), 1e-6)
            shares[place] += 1 - shares.sum()
            (found,) = quantiles(shares, points, (0.5,))
            neighbours = np.sqrt(points[place - 1 : place + 1] * points[place : place + 2])
            assert neighbours[0] < found < neighbours[1]
            assert found == pytest.approx(np.sqrt(neighbours[0] * neighbours[1]), rel=1e-4)

    def test_spread_values_are_found_again(self):
        for value in (0.5, 0.777, 1.0, 1.31, 2.2):
            (found,) = quantiles(spread(np.array([value]), grid.FACTORS)[0], grid.FACTORS, (0.5,))
            assert found == pytest.approx(value, rel=0.006)


class TestInterval:
    @pytest.mark.parametrize("parameter", [name for name in grid.PARAMETERS if name != "size"])
    def test_quantiles_are_stretched_around_the_middle(self, parameter, monkeypatch):
        points = grid.PARAMETERS[parameter]
        shares = np.random.default_rng(4).dirichlet(np.full(len(points), 0.3))
        low, middle, high = quantiles(shares, points, (0.05, 0.5, 0.95))
        np.testing.assert_allclose(grid.interval(parameter, shares, 1.0), [low, middle, high])
        wanted = [np.sqrt(low * middle), middle, np.sqrt(middle * high)]
        np.testing.assert_allclose(grid.interval(parameter, shares, 0.5), wanted)
        monkeypatch.setitem(grid.STRETCH, parameter, grid.Stretch(0.3, 0.7))
        shipped = grid.interval(parameter, shares, 0.7)
        np.testing.assert_array_equal(grid.interval(parameter, shares), shipped)

    def test_what_is_known_to_less_than_three_steps_has_a_stretch_of_its_own(self, monkeypatch):
        """Mass 1/2 on two neighbours: 5 % and 95 % lie 1.8 steps apart; on four of them, 3.6 steps."""
        monkeypatch.setitem(grid.STRETCH, "factor", grid.Stretch(0.5, 2.0))
        step = np.log(grid.FACTORS[1] / grid.FACTORS[0])
        for places, width in ((2, 0.5 * 1.8), (4, 2.0 * 3.6)):
            shares = np.zeros(len(grid.FACTORS))
            shares[40 : 40 + places] = 1 / places
            low, _, high = grid.interval("factor", shares)
            assert np.log(high / low) == pytest.approx(width * step)

    def test_windows_of_medians_are_whole(self):
        sure, torn = np.zeros(len(grid.SIZES)), np.zeros(len(grid.SIZES))
        sure[3], torn[3:5] = 1, (0.6, 0.4)
        assert grid.interval("size", sure).tolist() == [9, 9, 9]
        assert grid.interval("size", torn, 0.5).tolist() == [9, 9, 11]

    def test_every_parameter_has_a_stretch(self):
        assert list(grid.STRETCH) == list(grid.PARAMETERS)
        assert all(0.1 <= factor < 2 for both in grid.STRETCH.values() for factor in both)
