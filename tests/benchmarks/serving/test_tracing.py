"""What the benchmark of tracing counts and prints."""

import httpx

from benchmarks.serving.cases import ModelName
from benchmarks.serving.tracing import SHARES, Collector, Figures, render


def test_the_collector_counts_the_requests_in_the_exports() -> None:
    with Collector() as collector:
        for count in (1, 3):
            httpx.post(f"{collector.endpoint}/v1/traces", content=b"model_forward postprocess " * count)
        assert collector.count() == 4


def test_the_table_tells_rates_and_processor_time_round_by_round() -> None:
    figures = Figures()
    for number, speed in enumerate((1000.0, 2000.0, 4000.0)):
        for share in SHARES:
            figures.rates[share][number] = speed * (1 - share / 2)
            figures.cpu[share][number] = 50 * (1 + share)
    figures.traced = {share: round(7000 * share) for share in SHARES}
    lines = render(ModelName.TINY, figures).splitlines()
    assert lines[-3:] == [
        "| 0% | 2,000 | 1.000, 1.000, 1.000 | 50.0 | 1.000, 1.000, 1.000 | 0 |",
        "| 10% | 1,900 | 0.950, 0.950, 0.950 | 55.0 | 1.100, 1.100, 1.100 | 700 |",
        "| 100% | 1,000 | 0.500, 0.500, 0.500 | 100.0 | 2.000, 2.000, 2.000 | 7,000 |",
    ]
