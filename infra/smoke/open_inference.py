"""The Open Inference Protocol in JSON (https://github.com/kserve/open-inference-protocol)."""

import json
from collections.abc import Mapping
from typing import Any

from inference_app.contract import Route
from infra.smoke.client import Answer
from infra.smoke.errors import Failure
from infra.smoke.golden import Golden
from infra.smoke.http import Reply, content
from infra.smoke.tensors import Array, Tensor, array

HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


def path(model: str) -> str:
    """Where a model is asked, below its server's address."""
    return f"{Route.V2}/models/{model}/infer"


def request(golden: Golden) -> bytes:
    """The golden input as a request's body."""
    return json.dumps({"inputs": [_described(tensor) for tensor in golden.inputs]}).encode()


def _described(tensor: Tensor) -> dict[str, Any]:
    shape = list(tensor.values.shape)
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": shape, "data": tensor.data}


def answer(reply: Reply, advice: Mapping[int, str]) -> Answer:
    """What the model said; raises `Failure` or `ColdStart`."""
    document = content(reply, advice)
    try:
        outputs = dict(map(_output, document["outputs"]))
        version = document.get("model_version")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        came = f"an answer that is not of the Open Inference Protocol ({type(error).__name__}: {error})"
        raise Failure(reply.asked, came, "something else answers at this address: check it") from None
    return Answer(outputs=outputs, version=None if version is None else str(version), seconds=reply.seconds)


def _output(given: dict[str, Any]) -> tuple[str, Array]:
    return given["name"], array(given["data"], given["datatype"], given["shape"])
