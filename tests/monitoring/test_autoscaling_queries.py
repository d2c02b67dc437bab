"""What autoscaling asks, judged by Prometheus' own engine: it tells no load from unknown."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.monitoring import queries
from infra.serving.tensorflow_serving.queries import requests_per_second
from tests.monitoring import promtool

pytestmark = pytest.mark.slow

SELECTOR = 'namespace="serving"'
SCALING = [queries.requests_per_second(SELECTOR), queries.queue_time_ms(SELECTOR, 40)]
PODS: tuple[str, ...] = ("a", "b")


def counted(series: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    """A series of each pod, in promtool's notation, at every scrape."""
    return [{"series": f'{series},namespace="serving",pod="{pod}"}}', "values": each} for pod, each in values.items()]


def asked(per_scrape: Mapping[str, str]) -> list[dict[str, str]]:
    return counted('inference_request_duration_seconds_count{route="/predict"', per_scrape)


def waited(
    seconds: Mapping[str, str], waits: Mapping[str, str], work: Mapping[str, str] | None = None
) -> list[dict[str, str]]:
    """`work` is the seconds of model calls; without it, half of the time."""
    queue = 'inference_queue_duration_seconds_{part}{{model="digits"'
    model = counted('inference_model_duration_seconds_sum{model="digits"', work or dict.fromkeys(PODS, "0+7.5x8"))
    return counted(queue.format(part="sum"), seconds) + counted(queue.format(part="count"), waits) + model


def of_tracks(stable: str, canary: str) -> list[dict[str, str]]:
    """Requests that ask a model, of one pod of each track."""
    name = 'inference_request_duration_seconds_count{route="/predict",namespace="serving",track='
    return [
        {"series": f'{name}"{track}"}}', "values": values} for track, values in (("stable", stable), ("canary", canary))
    ]


IDLE: dict[str, str] = dict.fromkeys(PODS, "0x8")
GONE: dict[str, str] = dict.fromkeys(PODS, "30+30x4 _x8")
WANTS_NONE = [
    {"series": 'kube_deployment_spec_replicas{namespace="serving",deployment="model-server"}', "values": "0x60"}
]


@pytest.mark.parametrize(
    ("expression", "series", "value"),
    [
        # Of both pods together: 30 a scrape is 2 a second.
        (SCALING[0], asked({"a": "0+30x8", "b": "0+60x8"}), 6),
        (SCALING[0], asked(IDLE), 0),
        (SCALING[0], [], None),
        # Of the four scrapes in a minute two may fail.
        (SCALING[0], asked({"a": "0 30 60 90 120 150 _ _ 240"}), 2),
        (SCALING[0], asked({"a": "0 30 60 90 120 150 _ _ _"}), None),
        (SCALING[0], counted('inference_request_duration_seconds_count{route="/health"', {"a": "0+30x8"}), None),
        # Means of 10 ms and 5 ms.
        (SCALING[1], waited({"a": "0+0.3x8", "b": "0+0.15x8"}, {"a": "0+30x8", "b": "0+30x8"}), 15),
        # Half a second counts as 40 ms, and a pod that nobody asks as nothing.
        (SCALING[1], waited({"a": "0+15x8", "b": "0x8"}, {"a": "0+30x8", "b": "0x8"}), 40),
        (SCALING[1], waited(IDLE, IDLE), 0),
        # A pod at work for a tenth of the time has no load to wait for; one at work for a third has.
        (SCALING[1], waited({"a": "0+15x8", "b": "0+0.15x8"}, {"a": "0+30x8", "b": "0+30x8"},
                            {"a": "0+1.5x8", "b": "0+5x8"}), 5),
        (SCALING[1], waited({"a": "0+15x8"}, {"a": "0+30x8"}, IDLE), 0),
        (SCALING[1], [], None),
        # 30 a scrape of the stable track, 60 of the canary.
        (queries.requests_per_second(queries.pods_of("serving", "canary")), of_tracks("0+30x8", "0+60x8"), 4),
    ],
)  # fmt: skip
def test_prometheus_itself_counts_the_load_and_tells_none_from_unknown(
    expression: str, series: list[dict[str, str]], value: float | None, tmp_path: Path
) -> None:
    evaluate(expression, series, value, tmp_path)
    evaluate(queries.zero_while_none_is_wanted(expression, "serving", "model-server"), series, value, tmp_path)


@pytest.mark.parametrize("expression", SCALING)
@pytest.mark.parametrize("series", [[], asked(GONE) + waited(GONE, GONE)])
def test_a_service_that_should_not_run_has_no_load(
    expression: str, series: list[dict[str, str]], tmp_path: Path
) -> None:
    resting = queries.zero_while_none_is_wanted(expression, "serving", "model-server")

    evaluate(resting, series + WANTS_NONE, 0, tmp_path, at="600s")


TENSORFLOW = requests_per_second(SELECTOR)
PREDICTED = ':tensorflow:serving:request_latency_count{API="%s",entrypoint="%s"'
COUNTED = ':tensorflow:serving:request_count{status="OK"'
PROBED = counted(PREDICTED % ("", "REST"), {"a": "0+150x8"}) + counted(COUNTED, {"a": "0+195x8"})


@pytest.mark.parametrize(
    ("series", "value"),
    [
        # Of both ports: 15 a scrape is 1 a second.
        (counted(PREDICTED % ("predict", "REST"), {"a": "0+15x8"})
         + counted(PREDICTED % ("Predict", "GRPC"), {"a": "0+30x8"}) + PROBED, 3),
        (PROBED, 0),
        ([], None),
    ],
)  # fmt: skip
def test_predictions_of_tensorflow_serving_are_counted_without_probes(
    series: list[dict[str, str]], value: float | None, tmp_path: Path
) -> None:
    evaluate(TENSORFLOW, series, value, tmp_path)


def evaluate(
    expression: str, series: list[dict[str, str]], value: float | None, folder: Path, at: str = "130s"
) -> None:
    """Asserts that a real PromQL engine finds `value`, to a thousandth, or nothing where that is None."""
    expected = [] if value is None else [{"labels": "{}", "value": value}]
    case = {
        "interval": f"{queries.SCRAPE_SECONDS}s",
        "input_series": series,
        "promql_expr_test": [{"expr": f"round({expression}, 0.001)", "eval_time": at, "exp_samples": expected}],
    }
    wrong = promtool.judge(folder, [], [case])

    assert not wrong, wrong
