"""The statistics of the pages, against values worked out elsewhere."""

from __future__ import annotations

import math
import random

import pytest

from reviews.intervals import correlation, labels_needed, laney, quantile, share, time_signal


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(1, 3, 0.0615, 0.7923), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_as_published(k: int, n: int, low: float, high: float) -> None:
    found = share(k, n)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


def test_of_nothing_there_is_no_share() -> None:
    assert share(0, 0)[2:] == (None, None, None)


def test_wilson_holds_its_95_percent_where_the_plain_interval_does_not() -> None:
    p, n, hits, plain = 0.05, 30, 0, 0
    for k in range(n + 1):
        weight = math.comb(n, k) * p**k * (1 - p) ** (n - k)
        found = share(k, n)
        hits += weight * (found.low <= p <= found.high)
        half = 1.96 * math.sqrt(k / n * (1 - k / n) / n)
        plain += weight * (k / n - half <= p <= k / n + half)
    assert plain < 0.85 < 0.93 < hits


def test_labels_needed_is_the_smallest_that_allows_one_error() -> None:
    for alpha, delta in ((0.02, 0.05), (0.05, 0.05), (0.01, 0.05)):
        m = labels_needed(alpha, delta)
        tail = [(1 - alpha) ** x + x * alpha * (1 - alpha) ** (x - 1) for x in (m - 1, m)]
        assert tail[1] <= delta / 2 < tail[0]
    assert labels_needed(0.05, 0.05, starts=1) == 93  # as the table of the plan has it for one error


def days(counts: dict[str, dict[str, tuple[int, int]]]) -> dict[str, dict[str, tuple[int, int]]]:
    return counts


def test_a_change_of_the_mix_alone_is_no_signal() -> None:
    steady = {f"d{i}": {"easy": (95, 100), "hard": (10, 20)} for i in range(10)}
    swung = steady | {"d10": {"easy": (19, 20), "hard": (50, 100)}}
    chart = laney(days(swung))
    assert chart is not None
    assert not chart.points[-1].out
    assert chart.points[-1].value == pytest.approx(chart.center, abs=0.02)


def test_a_change_within_a_type_is_a_signal() -> None:
    chance = random.Random(4)
    found = {f"d{i:02}": {"mail": (sum(chance.random() < 0.8 for _ in range(200)), 200)} for i in range(20)}
    quiet = laney(days(found))
    assert quiet is not None
    assert [point.label for point in quiet.points if point.out] == []
    loud = laney(days(found | {"d20": {"mail": (199, 200)}}))
    assert loud is not None
    assert [point.label for point in loud.points if point.out] == ["d20"]


def test_two_days_make_no_chart_and_equal_days_no_alarm() -> None:
    assert laney(days({"a": {"x": (1, 2)}, "b": {"x": (2, 2)}, "c": {}})) is None
    same = laney(days({f"d{i}": {"x": (10, 10)} for i in range(5)}))
    assert same is not None
    assert [point.out for point in same.points] == [False] * 5


def test_whoever_reads_is_told_from_whoever_stamps() -> None:
    chance = random.Random(7)
    words = [chance.randint(20, 400) for _ in range(100)]
    reader = [(3 + n * 60 / 450 * chance.uniform(0.6, 1.6), n) for n in words]
    stamper = [(chance.uniform(0.5, 2.0), n) for n in words]
    assert not time_signal(reader).alarming
    assert time_signal(stamper).alarming
    assert not time_signal(stamper[:99]).alarming  # too few to say so


def test_what_does_not_vary_has_no_correlation() -> None:
    assert correlation([1, 1, 1], [1, 2, 3]) is None
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1)


def test_quantiles_lie_between_their_neighbours() -> None:
    assert quantile([], 0.5) is None
    assert quantile([4, 1, 3, 2], 0.5) == 2.5
    assert quantile([1, 2, 3], 1) == 3
