import re
from typing import Any

import pytest

from inference_app.contract import GRPC_PORT
from infra.serving.traffic.linkerd import BUDGET, RETRIES, profile_spec, route_spec
from tests.infra.serving.traffic.splits import split


@pytest.mark.parametrize("port", [80, GRPC_PORT])
def test_the_route_shares_the_services_requests_out_by_weight(port: int) -> None:
    made = route_spec(split("linkerd", stable=75, grpc=True), port)

    assert made["parentRefs"] == [{"group": "core", "kind": "Service", "name": "model-server", "port": port}]
    assert made["rules"] == [
        {
            "backendRefs": [
                {"name": "model-server-stable", "port": port, "weight": 75},
                {"name": "model-server-canary", "port": port, "weight": 25},
            ]
        }
    ]


def test_a_request_is_sent_once_more_at_most_and_never_to_a_server_with_too_much_to_do() -> None:
    codes = RETRIES["retry.linkerd.io/http"].split(",")

    assert RETRIES["retry.linkerd.io/limit"] == "1"
    assert not {"429", "504", "5xx", "gateway-error"} & set(codes)
    assert 0 < BUDGET["retryRatio"] <= 0.2


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/predict", "predict"),
        ("/predict/faces", "predict"),
        ("/v2/models/digits/infer", "infer"),
        ("/invocations", "invocations"),
        ("/inference.GRPCInferenceService/ModelInfer", "grpc-infer"),
        ("/v2/repository/models/digits/load", None),
        ("/admin/switch_model", None),
    ],
)
def test_only_predictions_are_retried(path: str, name: str | None) -> None:
    retried = [route for route in profile_spec(split("linkerd", grpc=True))["routes"] if route["isRetryable"]]
    found: list[Any] = [route["name"] for route in retried if re.fullmatch(route["condition"]["pathRegex"], path)]

    assert found == ([name] if name else [])
    assert {route["condition"]["method"] for route in retried} == {"POST"}


def test_a_service_without_grpc_has_no_route_for_it() -> None:
    assert "grpc-infer" not in {route["name"] for route in profile_spec(split("linkerd"))["routes"]}
