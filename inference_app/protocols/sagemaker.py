"""`POST /invocations`, SageMaker's one path for inference: Content-Type says what came, Accept what to answer with.

https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

from inference_app import tensors
from inference_app.errors import BadRequest, NotAcceptable, UnsupportedMediaType
from inference_app.outputs import Rows
from inference_app.preprocessing.declarations import FeaturePreprocessing
from inference_app.protocols import csv_body, json_body, npy_body
from inference_app.protocols.call import JSON, Answer, Headers
from inference_app.protocols.predict import PredictCall, PredictCodec
from inference_app.repository import ModelVersion
from inference_app.tensors import Array, Arrays, TensorSpec

CSV = b"text/csv"
NPY = b"application/x-npy"

VERSION = b"model-version"
"""The header that names the version, percent-encoded, where the body has no place for it."""

ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
"""A client's own words about its request, which come back with the answer."""

QUICK_BYTES = {CSV: 16 * 1024, NPY: 256 * 1024}
"""What takes well under a millisecond to parse."""

_INSTANCES = re.compile(rb'\s*\{\s*"instances"\s*:')

Render = Callable[[Rows], Answer]


class Invocation:
    """One request: its inputs, and how its answer is written."""

    __slots__ = ("_attributes", "_render", "inputs")

    def __init__(self, inputs: Arrays, render: Render, attributes: bytes | None) -> None:
        self.inputs = inputs
        self._render = render
        self._attributes = attributes

    def render(self, rows: Rows) -> Answer:
        """The answer, with the client's own attributes where it sent any."""
        answer = self._render(rows)
        if self._attributes is None:
            return answer
        return answer._replace(headers=(*answer.headers, (ATTRIBUTES, self._attributes)))


class InvocationsCodec:
    """Takes what `/predict` takes, its JSON as `{"instances": ...}` too, and besides that CSV and .npy.

    The answer is `/predict`'s JSON, or, where Accept asks for CSV or .npy, the model's one output as it is.
    """

    def __init__(self, version: ModelVersion, predict: PredictCodec) -> None:
        """`predict` is the same version's."""
        self._metadata = version.metadata
        self._predict = predict
        # A hook reads every body there is; declared columns are scaled after they are read.
        self._arrays = () if version.metadata.hook_sha256 is not None else tuple(QUICK_BYTES)
        self._has_columns = isinstance(version.metadata.preprocessing, FeaturePreprocessing)
        only, *others = version.metadata.outputs
        self._plain: dict[bytes, Render] = {}
        if not others and only.dtype.kind in "biuf":
            plain = partial(_plain, only.name, quote(version.metadata.version).encode())
            self._plain = {CSV: partial(plain, CSV, csv_body.render), NPY: partial(plain, NPY, npy_body.render)}

    def is_quick(self, size: int, headers: Headers) -> bool:
        """Whether parsing a body of `size` bytes takes microseconds."""
        media_type = _media_type(headers)
        return size <= QUICK_BYTES[media_type] if media_type in self._arrays else self._predict.is_quick(size, headers)

    def parse(self, body: bytes, headers: Headers) -> Invocation:
        """Check a request; raises an `InferenceError`: `NotAcceptable` where Accept allows no answer there is."""
        wanted = accepted(headers.get(b"accept", b""), (JSON, *self._plain))
        call = self._read(body, headers)
        return Invocation(call.inputs, self._plain.get(wanted, call.render), headers.get(ATTRIBUTES))

    def _read(self, body: bytes, headers: Headers) -> PredictCall:
        media_type = _media_type(headers)
        if media_type in self._arrays:
            return self._from_array(body, csv_body.parse if media_type == CSV else npy_body.parse)
        if media_type == JSON and _INSTANCES.match(body):
            return self._predict.from_value(_instances(body))
        try:
            return self._predict.parse(body, headers)
        except UnsupportedMediaType as error:
            raise UnsupportedMediaType(f"{error}; /invocations takes text/csv and application/x-npy too") from None

    def _from_array(self, body: bytes, parse: Callable[[bytes, TensorSpec], Array]) -> PredictCall:
        spec, *others = self._metadata.inputs
        if others:
            raise UnsupportedMediaType(f"model {self._metadata.name} has several inputs; send {JSON.decode()}")
        inputs = {spec.name: tensors.with_batch_axis(parse(body, spec), spec)}
        tensors.check(inputs, self._metadata.inputs)
        if self._has_columns:
            return self._predict.from_value(inputs[spec.name].tolist())
        return PredictCall(self._predict, inputs)


def _instances(body: bytes) -> Any:
    document = json_body.loads(body)
    if document.keys() != {"instances"}:
        raise BadRequest('beside "instances" the body may have nothing')
    return document["instances"]


def _plain(output: str, version: bytes, media_type: bytes, write: Callable[[Array], bytes], rows: Rows) -> Answer:
    return Answer(write(rows.arrays()[output]), media_type, ((VERSION, version),))


def _media_type(headers: Headers) -> bytes:
    return headers.get(b"content-type", JSON).partition(b";")[0].strip().lower()


def accepted(header: bytes, offered: tuple[bytes, ...]) -> bytes:
    """The media type that an Accept header likes best; of those it likes equally, the one that it names first.

    Raises `NotAcceptable` (https://www.rfc-editor.org/rfc/rfc9110#name-accept).
    """
    if not header or header == JSON:
        return JSON
    ranges = [_range(item) for item in header.lower().split(b",")]
    for quality, wanted in sorted(ranges, key=lambda pair: -pair[0]):
        fitting = [media_type for media_type in offered if _covers(wanted, media_type)]
        if quality > 0 and fitting:
            return fitting[0]
    names = b", ".join(offered).decode()
    raise NotAcceptable(f"Accept must allow one of {names}, got {header.decode('latin-1'):.200}")


def _range(item: bytes) -> tuple[float, bytes]:
    wanted, *parameters = (part.strip() for part in item.split(b";"))
    quality = next((part[2:] for part in parameters if part.startswith(b"q=")), b"1")
    try:
        return float(quality), wanted
    except ValueError:
        return 0.0, wanted


def _covers(wanted: bytes, media_type: bytes) -> bool:
    return wanted in (media_type, b"*/*", media_type.partition(b"/")[0] + b"/*")
