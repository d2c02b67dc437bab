import math
from collections.abc import Callable

import pytest

from inference_app.contract import Execution
from inference_app.errors import ModelFailed
from inference_app.tune.race import ROUNDS, SURE_ROUNDS, Measurement, Race, Result, best, contenders, words
from inference_app.tuning import TunedSettings


def threads(batch: int, count: int = 2) -> TunedSettings:
    return TunedSettings(
        max_batch_size=batch, execution=Execution.THREADS, model_threads=count, intra_op_threads=3 - count
    )


def inline(batch: int) -> TunedSettings:
    return TunedSettings(max_batch_size=batch, execution=Execution.INLINE, model_threads=0, intra_op_threads=1)


def result(settings: TunedSettings, *rates: float, p99_ms: float = 1) -> Result:
    return Result(settings, [Measurement(rate, 1, p99_ms) for rate in rates])


class Bench:
    """Measures what the script says, in scripted time, and remembers in which order."""

    def __init__(self, script: Callable[[TunedSettings, int], Measurement]) -> None:
        self._script = script
        self.now = 0.0
        self.order: list[TunedSettings] = []
        self.lines: list[str] = []

    def measure(self, settings: TunedSettings, seconds: float) -> Measurement:
        self.now += seconds
        self.order.append(settings)
        return self._script(settings, self.order.count(settings))

    def race(self, *candidates: TunedSettings, limit_ms: float = math.inf) -> list[Result]:
        return Race(self.measure, self.lines.append, lambda: self.now).run(candidates, 60, limit_ms)


def by_batch(**rates: float) -> Callable[[TunedSettings, int], Measurement]:
    return lambda settings, _: Measurement(rates[f"b{settings.max_batch_size}"], 1, 1)


def test_every_candidate_is_measured_there_and_back_before_one_is_out() -> None:
    bench = Bench(by_batch(b1=100, b2=50, b4=10))
    bench.race(threads(1), threads(2), threads(4))
    assert bench.order == [threads(1), threads(2), threads(4), threads(4), threads(2), threads(1)]


def test_what_is_clearly_worse_is_not_measured_again_and_what_is_near_is() -> None:
    bench = Bench(by_batch(b1=100, b2=95, b4=80))
    results = bench.race(threads(1), threads(2), threads(4))
    assert [len(each.measurements) for each in results] == [ROUNDS, ROUNDS, SURE_ROUNDS]


def test_a_race_takes_the_time_it_was_given() -> None:
    bench = Bench(by_batch(b1=100, b2=95, b4=80))
    bench.race(threads(1), threads(2), threads(4))
    assert bench.now == pytest.approx(60)


def test_a_race_ends_in_time_when_measurements_take_longer_than_asked() -> None:
    bench = Bench(by_batch(b1=100, b2=95))
    slow = Race(lambda settings, _: bench.measure(settings, 20), bench.lines.append, lambda: bench.now)
    slow.run([threads(1), threads(2)], 60)
    assert bench.now == 20 * 2 * SURE_ROUNDS


def test_one_slow_round_puts_nobody_out() -> None:
    bench = Bench(lambda settings, time: Measurement(50 if (settings, time) == (threads(1), 1) else 100, 1, 1))
    results = bench.race(threads(1), threads(2))
    assert [len(each.measurements) for each in results] == [ROUNDS, ROUNDS]
    assert best(results) is results[0]


def test_on_a_machine_with_much_else_to_do_only_what_is_far_behind_is_out() -> None:
    results = [result(threads(1), 100, 60), result(threads(2), 70, 50), result(threads(4), 40, 30)]
    assert [each.settings for each in contenders(results)] == [threads(1), threads(2)]


def test_a_candidate_whose_model_fails_is_left_out_with_the_reason() -> None:
    def script(settings: TunedSettings, _: int) -> Measurement:
        if settings == threads(2):
            raise ModelFailed("out of memory")
        return Measurement(100, 1, 1)

    bench = Bench(script)
    results = bench.race(threads(1), threads(2))
    assert [each.settings for each in results] == [threads(1)]
    assert "round 1: 2 threads x 1 intra-op, batch 2: left out, out of memory" in bench.lines


def test_when_all_fail_there_is_no_result() -> None:
    def script(_: TunedSettings, __: int) -> Measurement:
        raise ModelFailed("out of memory")

    results = Bench(script).race(threads(1), threads(2))
    assert results == []
    assert best(results) is None


def test_progress_says_what_was_measured_and_how_fast_it_was() -> None:
    bench = Bench(by_batch(b1=1234.4))
    bench.race(threads(1, count=1))
    assert bench.lines[0] == "round 1: 1 thread x 2 intra-op, batch 1: 1,234 examples/s"


def test_the_fastest_wins() -> None:
    assert best([result(inline(32), 90), result(threads(8), 100)]) == result(threads(8), 100)


@pytest.mark.parametrize(
    ("simple", "other"),
    [(threads(8), threads(16)), (threads(8, count=1), threads(8, count=2)), (inline(32), threads(1))],
)
def test_of_those_as_good_the_simplest_wins(simple: TunedSettings, other: TunedSettings) -> None:
    chosen = best([result(other, 100), result(simple, 98)])
    assert chosen is not None
    assert chosen.settings == simple


def test_a_simpler_one_that_is_four_percent_slower_loses() -> None:
    chosen = best([result(threads(16), 100), result(threads(8), 96)])
    assert chosen is not None
    assert chosen.settings == threads(16)


def test_one_that_was_put_out_cannot_win() -> None:
    chosen = best([result(threads(1), 101, 50), result(threads(2), 100, 100, 100)])
    assert chosen is not None
    assert chosen.settings == threads(2)


def test_within_a_latency_limit_the_fastest_that_keeps_it_wins() -> None:
    results = [result(threads(8), 100, p99_ms=20), result(threads(4), 80, p99_ms=9), result(threads(1), 50, p99_ms=3)]
    chosen = best(results, limit_ms=10)
    assert chosen is not None
    assert chosen.settings == threads(4)


def test_a_limit_that_nobody_keeps_gives_no_winner() -> None:
    assert best([result(threads(1), 50, p99_ms=3)], limit_ms=1) is None


def test_a_fast_one_beyond_the_limit_puts_no_slower_one_out() -> None:
    results = [result(threads(8), 100, p99_ms=20), result(threads(4), 80, p99_ms=12), result(threads(1), 50, p99_ms=3)]
    assert [each.settings for each in contenders(results, limit_ms=10)] == [threads(4), threads(1)]


def test_figures_are_those_of_the_better_half_of_the_rounds() -> None:
    measured = Result(threads(1), [Measurement(rate, 100 / rate, 200 / rate) for rate in (100, 10, 80, 20, 50)])
    assert (measured.examples_per_second, measured.p50_ms, measured.p99_ms) == (80, 100 / 80, 200 / 80)


def test_the_spread_covers_all_rounds() -> None:
    assert result(threads(1), 100, 50, 80).spread == pytest.approx(50 / 80)


def test_results_whose_rounds_overlap_cannot_be_told_apart() -> None:
    assert result(threads(1), 100, 90).overlaps(result(threads(2), 95, 80))
    assert not result(threads(1), 100, 90).overlaps(result(threads(2), 89, 80))


def test_an_inline_candidate_is_named_without_threads() -> None:
    assert words(inline(32)) == "inline, batch 32"
