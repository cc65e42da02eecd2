"""Average ranks over targets and rank correlation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rsbench.errors import NotComparableError
from rsbench.statistics.correlation import rank_correlation
from rsbench.statistics.ranks import (
    average_ranks,
    cliques,
    critical_difference,
    nemenyi_quantile,
)

TARGETS = [f"target{index}" for index in range(8)]


def scores(targets: int, methods: int = 4) -> dict[str, list[float | None]]:
    """Scores of methods, the later the better, with noise."""
    generator = np.random.default_rng(0)
    table = np.arange(methods)[:, None] + generator.normal(0, 1, (methods, targets))
    return {f"method{index}": row.tolist() for index, row in enumerate(table)}


def test_quantiles_of_nemenyis_test_are_those_in_print() -> None:
    """Demsar 2006, table 5a, for 2 to 10 methods; he printed some digits without rounding."""
    expected = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)
    found = [nemenyi_quantile(methods) for methods in range(2, 11)]
    assert found == pytest.approx(expected, abs=0.001)


def test_the_critical_difference_of_the_example_in_print() -> None:
    """Demsar 2006, section 3.2.2: four classifiers on 14 data sets, 1.25."""
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


def test_ranks_average_ties_and_put_the_best_first() -> None:
    found = average_ranks({"a": [1, 2, 3], "b": [1, 3, 2], "c": [0, 4, 4]}, TARGETS[:3])
    assert found.ranks == pytest.approx({"c": 5 / 3, "a": 6.5 / 3, "b": 6.5 / 3})
    assert list(found.ranks) == ["c", "a", "b"]
    assert sum(found.ranks.values()) == pytest.approx(6)


def test_few_targets_have_ranks_and_no_verdict() -> None:
    found = average_ranks(scores(5), TARGETS[:5])
    assert len(found.ranks) == 4
    assert (found.friedman_p, found.critical_difference, found.cliques) == (None, None, ())
    assert (
        found.reason == "5 targets with all methods: too few for a verdict (at least 6 are needed)"
    )


def test_six_targets_have_friedmans_p_by_its_formula() -> None:
    table = scores(6)
    found = average_ranks(table, TARGETS[:6])
    k, n = 4, 6
    squares = sum(rank**2 for rank in found.ranks.values())
    statistic = 12 * n / (k * (k + 1)) * (squares - k * (k + 1) ** 2 / 4)
    assert found.friedman_p == pytest.approx(stats.chi2.sf(statistic, k - 1))
    assert found.critical_difference == pytest.approx(critical_difference(4, 6))
    assert found.reason == ""


def test_targets_where_a_method_is_missing_are_left_out_and_named() -> None:
    table = scores(8)
    table["method1"][2] = None
    found = average_ranks(table, TARGETS)
    assert found.targets_left_out == ("target2",)
    kept = {name: [x for t, x in enumerate(row) if t != 2] for name, row in table.items()}
    assert found.ranks == average_ranks(kept, [t for t in TARGETS if t != "target2"]).ranks
    table["method1"][3:6] = [None] * 3
    assert "4 targets with all methods" in average_ranks(table, TARGETS).reason


def test_methods_that_always_tie_do_not_differ() -> None:
    found = average_ranks({name: [70.0, 80.0] * 3 for name in "abc"}, TARGETS[:6])
    assert found.friedman_p == 1.0
    assert found.cliques == (("a", "b", "c"),)
    assert set(found.ranks.values()) == {2.0}


def test_two_methods_and_none_have_no_verdict() -> None:
    assert "2 methods" in average_ranks(scores(8, 2), TARGETS).reason
    empty = average_ranks({}, TARGETS)
    assert empty.ranks == {}
    assert empty.reason


def test_no_common_target_leaves_no_ranks() -> None:
    found = average_ranks({"a": [1.0, None], "b": [None, 1.0], "c": [1.0, 1.0]}, TARGETS[:2])
    assert found.ranks == {}
    assert found.targets == ()
    assert "0 targets" in found.reason


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(NotComparableError, match="a has 1 scores for 2 targets"):
        average_ranks({"a": [1.0]}, TARGETS[:2])


def test_cliques_are_the_longest_bars() -> None:
    ranks = {"d": 4.0, "a": 1.0, "b": 1.5, "c": 2.4, "e": 6.0}
    assert cliques(ranks, 1.0) == (("a", "b"), ("b", "c"))
    assert cliques(ranks, 1.6) == (("a", "b", "c"), ("c", "d"))
    assert cliques(ranks, 5.0) == (("a", "b", "c", "d", "e"),)
    assert cliques(ranks, 0.1) == ()


def test_rank_correlation_against_scipy() -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(size=40)
    y = np.round(x + generator.normal(size=40))
    found = rank_correlation(x.tolist(), y.tolist(), np.random.default_rng(2), draws=4000)
    assert found.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    expected = stats.bootstrap(
        (x, y),
        lambda a, b: stats.spearmanr(a, b).statistic,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=1000,
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert found.interval is not None
    assert found.interval.low == pytest.approx(expected.low, abs=0.06)
    assert found.interval.high == pytest.approx(expected.high, abs=0.06)


def test_rank_correlation_of_a_monotone_relation_is_one() -> None:
    x = [0.1, 0.5, 0.9, 2.0, 7.0]
    up = rank_correlation(x, [v**3 for v in x], np.random.default_rng(0))
    down = rank_correlation(x, [-v for v in x], np.random.default_rng(0))
    assert up.rho == pytest.approx(1.0)
    assert down.rho == pytest.approx(-1.0)
    assert up.interval is not None
    assert up.interval.low == pytest.approx(1.0)
    assert "draws were constant" in up.interval.note


def test_rank_correlation_needs_four_points_that_differ() -> None:
    generator = np.random.default_rng(0)
    few = rank_correlation([1, 2, 3, None], [1, 2, None, 4], generator)
    assert (few.rho, few.interval, few.points) == (None, None, 2)
    assert few.reason == "2 points: at least 4 are needed"
    flat = rank_correlation([1, 1, 1, 1, 1], [1, 2, 3, 4, 5], generator)
    assert flat.rho is None
    assert "equal" in flat.reason
    with pytest.raises(NotComparableError, match="2 and 1 points"):
        rank_correlation([1, 2], [1], generator)
