"""What SageMaker passes on to a container's `/invocations`, and how its answers are read.

https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html
"""

import csv
import io
import json
from typing import Any, NamedTuple

from infra.smoke.client import Answer
from infra.smoke.errors import Failure
from infra.smoke.golden import Golden
from infra.smoke.tensors import BYTES, Array, Tensor, array

JSON, CSV = "application/json", "text/csv"

OTHER = "check which image and model the endpoint's configuration names"


class Invocation(NamedTuple):
    """A request's body and the form in which the answer is wanted."""

    body: bytes
    accept: str


def invocation(golden: Golden, asked: str) -> Invocation:
    """The golden input as JSON; raises `Failure` for a model whose `/invocations` takes something else.

    CSV is wanted back where it can hold the answer: JSON would hold labels, of which only the likeliest.
    """
    if not golden.raw_inputs:
        came = "the model turns texts, columns or its hook's content into tensors, and the golden input is tensors"
        raise Failure(asked, f"not asked, for {came}", "ask it on a target that takes the Open Inference Protocol")
    inputs = {tensor.name: tensor.data for tensor in golden.inputs}
    instances = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    return Invocation(json.dumps({"instances": instances}).encode(), CSV if _is_table(golden) else JSON)


def _is_table(golden: Golden) -> bool:
    return len(golden.outputs) == 1 and golden.outputs[0].datatype != BYTES


def answer(body: bytes, golden: Golden, asked: str, seconds: float) -> Answer:
    """The outputs in an answer, in the shape of the golden ones where they hold as many numbers; raises `Failure`."""
    try:
        if not body.lstrip().startswith(b"{"):
            return Answer(outputs=_from_csv(body, golden), version=None, seconds=seconds)
        document = json.loads(body)
        return Answer(outputs=_from_json(document, golden), version=document.get("version"), seconds=seconds)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        came = f"no answer of this model ({error}): {body[:80]!r}"
        raise Failure(asked, came, OTHER) from None


def _from_csv(body: bytes, golden: Golden) -> dict[str, Array]:
    rows = list(csv.reader(io.StringIO(body.decode())))
    values = [[float(cell) if cell else None for cell in row] for row in rows if row]
    return {golden.outputs[0].name: _shaped(values, golden.outputs[0])}


def _from_json(document: Any, golden: Golden) -> dict[str, Array]:
    """`predictions` holds, per example, outputs by name, or the only output itself."""
    predictions = document["predictions"]
    if not isinstance(predictions[0], dict):
        return {golden.outputs[0].name: _shaped(predictions, golden.outputs[0])}
    return {tensor.name: _shaped([row[tensor.name] for row in predictions], tensor) for tensor in golden.outputs}


def _shaped(data: Any, expected: Tensor) -> Array:
    made, wanted = array(data, expected.datatype), expected.values
    return made.reshape(wanted.shape) if made.size == wanted.size else made
