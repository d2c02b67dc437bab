import pytest

from benchmarks.serving.spread import Spread, ratio


def test_a_spread_is_minimum_median_and_maximum() -> None:
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == Spread(1.0, 2.5, 10.0)


def test_no_values_have_no_spread() -> None:
    with pytest.raises(ValueError, match="no values"):
        Spread.of([])


def test_a_ratio_is_taken_within_each_round() -> None:
    assert ratio({0: 10.0, 1: 2.0}, {0: 5.0, 1: 1.0}) == Spread(2.0, 2.0, 2.0)


def test_rounds_that_only_one_side_has_do_not_count() -> None:
    assert ratio({0: 10.0, 1: 3.0}, {1: 1.0, 2: 9.0}) == Spread(3.0, 3.0, 3.0)


def test_there_is_no_ratio_to_nothing() -> None:
    assert ratio({0: 10.0}, {}) is None
    assert ratio({0: 10.0}, {0: 0.0}) is None
