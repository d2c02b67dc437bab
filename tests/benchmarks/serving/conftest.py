"""A small model's sample and measurements without a server."""

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.serving.cases import Case, ModelName, Payload
from benchmarks.serving.processes import Memory
from benchmarks.serving.results import Measurement, Results
from benchmarks.serving.sample import Sample
from benchmarks.serving.wrk import Load

Measure = Callable[..., Measurement]
CASE = Case(ModelName.TINY, Payload.JSON, 64)


@pytest.fixture
def example() -> Sample:
    """One row of two features, whose likeliest class is the second."""
    return Sample(
        model="tiny",
        inputs={"features": np.array([[1.0, 2.0]], np.float32)},
        datatypes={"features": "FP32"},
        output="probabilities",
        expected=np.array([0.25, 0.75]),
        tolerance=1e-4,
        label="second",
        jpeg=b"\xff\xd8jpeg",
    )


@pytest.fixture
def measure() -> Measure:
    """Makes a measurement from what a test cares for."""

    def _measure(contender: str, rate: float, number: int = 0, *, case: Case = CASE, errors: int = 0) -> Measurement:
        load = Load(per_second=rate, p50_ms=1, p99_ms=2 + number, errors=errors)
        return Measurement(contender=contender, case=case, round=number, load=load, memory=Memory(rss=20, pss=10))

    return _measure


@pytest.fixture
def results(measure: Measure) -> Results:
    """Three rounds of ours, the limit and two peers, each round half as fast as the one before."""
    rates = {"ours": 40_000.0, "limit": 66_000.0, "mosec-orjson": 30_000.0, "fastapi": 5_400.0}
    rounds = [(name, rate / 2**number, number) for number in range(3) for name, rate in rates.items()]
    return Results(measurements=[measure(*each) for each in rounds])
