"""TensorFlow Serving behind a URL, asked over its REST API, by columns.

https://github.com/tensorflow/serving/blob/2.20.0/tensorflow_serving/g3doc/api_rest.md
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from infra.smoke import api_key
from infra.smoke.client import Answer, Say
from infra.smoke.deadline import Deadline
from infra.smoke.errors import Failure
from infra.smoke.golden import Golden
from infra.smoke.http import Reply, content, post
from infra.smoke.target import Target
from infra.smoke.tensors import Array, array

HEADERS = {"Content-Type": "application/json"}
ABSENT = "it serves another model or version than this checkout's: check model.version and what model.source has"


class TensorFlowServingClient:
    """Asks for one version, since an answer does not say which one gave it."""

    def __init__(self, target: Target, say: Say) -> None:
        """Raises `InputError` for what can be no key."""
        del say
        self._headers = {**HEADERS, **api_key.headers()}
        self._name = target.name
        self._url = f"{target.address.rstrip('/')}/v1/models/{target.model}"

    def ask(self, golden: Golden, deadline: Deadline) -> Answer:
        """One inference; raises `Failure` or `ColdStart`."""
        unreachable = (
            "an internal address is reachable from its own network only: run this there, or "
            f"`kubectl port-forward` the Service and add --address {self._name}=http://127.0.0.1:8501"
        )
        url = f"{self._url}/versions/{golden.version}:predict"
        reply = post(url, request(golden), self._headers, deadline, unreachable)
        return answer(reply, golden)


def request(golden: Golden) -> bytes:
    """The golden input as a request's body; one by itself goes by no name, since exports give it another."""
    columns = {tensor.name: tensor.data for tensor in golden.inputs}
    return json.dumps({"inputs": columns if len(columns) > 1 else golden.inputs[0].data}).encode()


def answer(reply: Reply, golden: Golden) -> Answer:
    """What the model said; raises `Failure` or `ColdStart`. A single output comes without its name."""
    document = content(reply, {HTTPStatus.NOT_FOUND: ABSENT, HTTPStatus.UNAUTHORIZED: api_key.advice()})
    try:
        given: Any = document["outputs"]
        outputs = _named(given, golden)
    except (KeyError, TypeError, ValueError) as error:
        came = f"an answer that is not of TensorFlow Serving's REST API ({type(error).__name__}: {error})"
        raise Failure(reply.asked, came, "something else answers at this address: check it") from None
    return Answer(outputs=outputs, version=golden.version, seconds=reply.seconds)


def _named(given: Any, golden: Golden) -> Mapping[str, Array]:
    columns = cast("dict[str, Any]", given) if isinstance(given, dict) else {golden.outputs[0].name: given}
    wanted = (tensor for tensor in golden.outputs if tensor.name in columns)
    return {tensor.name: array(columns[tensor.name], tensor.datatype) for tensor in wanted}
