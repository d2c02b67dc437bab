from typing import Any

import pytest

from inference_app import contract
from inference_app.grpc import open_inference_pb2 as pb
from inference_app.grpc.service import NAME
from infra.serving.traffic.gateway_api import GRPC_METHODS, GRPC_SERVICE, route_spec
from tests.infra.serving.parent import PARENT
from tests.infra.serving.traffic.splits import split


def route(**changes: Any) -> Any:
    return route_spec(split("gateway-api", **changes), PARENT)


def leads(path: str, rule: Any) -> bool:
    """Whether a rule takes a path, as the Gateway API matches paths."""
    asked = path.split("?")[0]
    for match in rule["matches"]:
        value = match["path"]["value"]
        if asked == value or (match["path"]["type"] == "PathPrefix" and asked.startswith(f"{value}/")):
            return True
    return False


def test_the_route_hangs_on_the_gateways_listener_for_its_host_names() -> None:
    made = route()

    assert made["parentRefs"] == [{"name": "front", "namespace": "edge", "sectionName": "https"}]
    assert made["hostnames"] == ["predict.example.com"]


def test_every_rule_shares_out_by_the_weights_of_the_tracks() -> None:
    http, grpc = route(stable=75, grpc=True)["rules"]

    assert http["backendRefs"] == [
        {"name": "model-server-stable", "port": 80, "weight": 75},
        {"name": "model-server-canary", "port": 80, "weight": 25},
    ]
    assert [(ref["port"], ref["weight"]) for ref in grpc["backendRefs"]] == [
        (contract.GRPC_PORT, 75),
        (contract.GRPC_PORT, 25),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/predict",
        "/predict/faces",
        "/invocations",
        "/v2",
        "/v2/models/digits",
        "/v2/models/digits/versions/1/infer",
        "/v2/health/ready",
    ],
)
def test_clients_of_a_gateway_reach_what_asks_a_model(path: str) -> None:
    (http,) = route()["rules"]

    assert leads(path, http)


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/docs",
        "/admin/switch_model",
        "/v2/repository/index",
        "/v2/repository/models/digits/load",
        "/models",
        "/",
    ],
)
def test_clients_of_a_gateway_reach_nothing_that_changes_or_tells_of_the_server(path: str) -> None:
    (http,) = route()["rules"]

    assert not leads(path, http)


def test_a_gateway_knows_grpc_where_the_server_does_but_no_call_that_changes_it() -> None:
    methods = {method.name for method in pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods}

    assert len(route()["rules"]) == 1
    assert NAME == GRPC_SERVICE
    assert set(GRPC_METHODS) == {name for name in methods if not name.startswith("Repository")}
    assert leads(f"/{NAME}/ModelInfer", route(grpc=True)["rules"][1])
    assert not leads(f"/{NAME}/RepositoryModelUnload", route(grpc=True)["rules"][1])
