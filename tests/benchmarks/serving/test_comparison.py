from collections.abc import Callable

from benchmarks.serving.cases import Case, ModelName, Payload
from benchmarks.serving.comparison import KNOWN_CASE, compare, shortfalls
from benchmarks.serving.contenders import CONTENDERS
from benchmarks.serving.results import Ceiling, Failure, Measurement, Results
from benchmarks.serving.spread import Spread

Measure = Callable[..., Measurement]
OIP = Case(ModelName.TINY, Payload.OIP, 64)


def test_ours_is_compared_to_the_fastest_peer_and_the_limit(results: Results) -> None:
    row = compare(results, KNOWN_CASE)
    assert row.ours == Spread(10_000, 20_000, 40_000)
    assert row.peer == "mosec-orjson"
    assert row.best == Spread(7_500, 15_000, 30_000)
    assert row.limit == Spread(16_500, 33_000, 66_000)


def test_a_machine_that_slows_down_leaves_the_ratios_alone(results: Results) -> None:
    row = compare(results, KNOWN_CASE)
    assert row.over_peer == Spread(4 / 3, 4 / 3, 4 / 3)
    assert row.over_limit == Spread(20 / 33, 20 / 33, 20 / 33)


def test_a_peer_without_a_payload_competes_with_its_other_json(results: Results, measure: Measure) -> None:
    results.measurements += [measure("ours", 20_000, case=OIP), measure("triton", 18_000, case=OIP)]
    assert compare(results, OIP).peer == "triton"
    results.measurements = [each for each in results.measurements if each.contender != "triton"]
    assert compare(results, OIP).peer == "mosec-orjson"


def test_a_peer_with_errors_is_void(results: Results, measure: Measure) -> None:
    results.measurements.append(measure("mosec-orjson", 90_000, 3, errors=1))
    assert compare(results, KNOWN_CASE).peer == "fastapi"


def test_a_peer_that_answered_wrongly_is_void(results: Results) -> None:
    results.failures.append(Failure(contender="mosec-orjson", model=ModelName.TINY, reason="wrong"))
    assert compare(results, KNOWN_CASE).peer == "fastapi"


def test_where_the_model_is_what_costs_the_limit_is_onnx_runtime(measure: Measure) -> None:
    case = Case(ModelName.EFFICIENTNET, Payload.BINARY, 8)
    ceiling = Ceiling(model=ModelName.EFFICIENTNET, round=0, per_second=200)
    row = compare(Results(measurements=[measure("ours", 150, case=case)], ceilings=[ceiling]), case)
    assert row.over_limit == Spread(0.75, 0.75, 0.75)
    assert row.peer is None


def test_a_run_is_valid_when_every_peer_reaches_its_known_figure_scaled_by_the_limit(results: Results) -> None:
    assert shortfalls(results, CONTENDERS) == []


def test_a_peer_below_nine_tenths_of_its_known_figure_voids_the_run(measure: Measure) -> None:
    enough = [measure("limit", 33_000), measure("mosec-orjson", 13_051)]
    assert shortfalls(Results(measurements=enough), CONTENDERS) == []
    too_slow = [measure("limit", 33_000), measure("mosec-orjson", 13_049)]
    lines = shortfalls(Results(measurements=too_slow), CONTENDERS)
    assert lines == ["mosec-orjson made 13,049 requests/s, at least 13,050 were expected"]


def test_without_the_limit_nothing_can_be_said_about_a_peer(measure: Measure) -> None:
    assert shortfalls(Results(measurements=[measure("fastapi", 1)]), CONTENDERS) == []
