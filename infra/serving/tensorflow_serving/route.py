"""What clients of a gateway may ask of TensorFlow Serving: its models, and not its metrics or configuration."""

from typing import Any

from infra.serving.service import HTTP_PORT
from infra.serving.tensorflow_serving.config import GRPC_PORT
from infra.serving.traffic.parent import Parent

GRPC_METHODS = (
    "PredictionService/Predict",
    "PredictionService/Classify",
    "PredictionService/Regress",
    "PredictionService/MultiInference",
    "PredictionService/GetModelMetadata",
    "ModelService/GetModelStatus",
)
"""All but ModelService/HandleReloadConfigRequest, by which anybody could change the models.

https://github.com/tensorflow/serving/tree/2.20.0/tensorflow_serving/apis
"""


def route_spec(service: str, parent: Parent) -> dict[str, Any]:
    """An HTTPRoute for REST and gRPC; by the prefix `/v1/models/<name>` `/v1/models/<name>:predict` would not match.

    https://gateway-api.sigs.k8s.io/reference/api-types/httproute/#matches
    """
    grpc = [_path("Exact", f"/tensorflow.serving.{method}") for method in GRPC_METHODS]
    return parent.route(
        [
            {"matches": [_path("PathPrefix", "/v1/models")], "backendRefs": [{"name": service, "port": HTTP_PORT}]},
            {"matches": grpc, "backendRefs": [{"name": service, "port": GRPC_PORT}]},
        ]
    )


def _path(kind: str, value: str) -> dict[str, Any]:
    return {"path": {"type": kind, "value": value}}
