"""What the benchmark of the result cache prints."""

from benchmarks.serving.caching import CASES, Figures, render
from benchmarks.serving.cases import ModelName


def test_the_table_sets_each_case_beside_the_server_without_a_cache_that_gets_the_same_requests() -> None:
    figures = Figures()
    for number, speed in enumerate((100.0, 200.0)):
        for case in CASES:
            gain = 10 if case.cached and case.repeated and not case.stalled else 1
            figures.rates[case][number] = speed * gain * (1 if case.repeated else 0.5)
            figures.p99[case][number] = 40 / gain
    lines = render(ModelName.TINY, figures).splitlines()
    assert lines[-5:] == [
        "| no cache, one input | 150 | 1.00, 1.00, 1.00 | 40 | 1.00, 1.00, 1.00 |",
        "| hits | 1,500 | 10.00, 10.00, 10.00 | 4 | 0.10, 0.10, 0.10 |",
        "| no cache, new inputs | 75 | 1.00, 1.00, 1.00 | 40 | 1.00, 1.00, 1.00 |",
        "| misses | 75 | 1.00, 1.00, 1.00 | 40 | 1.00, 1.00, 1.00 |",
        "| Redis stalled | 150 | 1.00, 1.00, 1.00 | 40 | 1.00, 1.00, 1.00 |",
    ]
