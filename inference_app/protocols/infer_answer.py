"""An Open Inference Protocol answer over HTTP: JSON, followed by the tensors that the client wants as bytes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import orjson

from inference_app.outputs import Rows
from inference_app.protocols import binary_tensors
from inference_app.protocols.call import Answer
from inference_app.protocols.classification import likeliest
from inference_app.tensors import Array, Arrays, Datatype, TensorSpec

HEADER_LENGTH = b"inference-header-content-length"
"""The header that says how many bytes of JSON precede the binary tensors."""

OCTETS = b"application/octet-stream"

SHARED_ELEMENTS = 4096
"""A batch of up to so many numbers is written as JSON at once; of a larger one, only the rows asked for."""


class OutputForm(ABC):
    """The form in which a client wants one output."""

    def __init__(self, spec: TensorSpec) -> None:
        self.name = spec.name

    @abstractmethod
    def write(self, rows: Rows, data: list[bytes]) -> bytes:
        """The request's output as a JSON object; bytes that shall follow the JSON are added to `data`."""

    def own(self, rows: Rows) -> Array:
        """The request's own rows, as a view."""
        return rows.batch.arrays[self.name][rows.start : rows.stop]


class JsonOutput(OutputForm):
    """Flat row-major JSON; NaN and infinite numbers, which JSON lacks, become null."""

    def __init__(self, spec: TensorSpec) -> None:
        super().__init__(spec)
        self._head = _head(spec.name, spec.datatype)
        self._examples = self._write_examples

    def write(self, rows: Rows, data: list[bytes]) -> bytes:  # noqa: ARG002 - all is in the JSON
        """The output as JSON."""
        batch, start, stop = rows
        array = batch.arrays[self.name]
        if stop - start == 1 and array.size <= SHARED_ELEMENTS and array.dtype.kind != "O":
            return batch.derived(self._examples)[start]
        return self._object(self.own(rows))

    def _object(self, array: Array) -> bytes:
        return b'%b%b,"data":%b}' % (self._head, orjson.dumps(array.shape), _json(array))

    def _write_examples(self, arrays: Arrays) -> list[bytes]:
        """Each of the batch's examples as if it were alone."""
        array = arrays[self.name]
        if len(array) == 1:
            return [self._object(array)]
        head = b'%b%b,"data":[' % (self._head, orjson.dumps((1, *array.shape[1:])))
        rows = _dumps(array.reshape(len(array), -1))
        return [b"%b%b]}" % (head, row) for row in rows[2:-2].split(b"],[")]


class BinaryOutput(OutputForm):
    """Raw bytes after the JSON."""

    def __init__(self, spec: TensorSpec) -> None:
        super().__init__(spec)
        self._head = _head(spec.name, spec.datatype)
        self._examples = self._write_examples

    def write(self, rows: Rows, data: list[bytes]) -> bytes:
        """The output as bytes."""
        batch, start, stop = rows
        array = batch.arrays[self.name]
        if stop - start > 1 or array.size > SHARED_ELEMENTS or array.dtype.kind == "O":
            return _write_binary(self._head, self.own(rows), data)
        text, content, size = batch.derived(self._examples)
        data.append(content[start * size : stop * size])
        return text

    def _write_examples(self, arrays: Arrays) -> tuple[bytes, bytes, int]:
        """What each of the batch's examples is called, all their bytes, and how many are one's."""
        array = arrays[self.name]
        content: list[bytes] = []
        text = _write_binary(self._head, array[:1], content)
        return text, binary_tensors.encode(array), len(content[0])


class ClassesOutput(OutputForm):
    """The `count` likeliest classes, as strings in JSON or as bytes."""

    def __init__(self, spec: TensorSpec, count: int, labels: tuple[str, ...] | None, *, binary: bool) -> None:
        super().__init__(spec)
        self._count = count
        self._labels = labels
        self._is_binary = binary
        self._head = _head(spec.name, Datatype.BYTES)

    def write(self, rows: Rows, data: list[bytes]) -> bytes:
        """The output's classes."""
        classes = likeliest(self.own(rows), self._count, self._labels)
        if self._is_binary:
            return _write_binary(self._head, classes, data)
        return b'%b%b,"data":%b}' % (self._head, orjson.dumps(classes.shape), _json(classes))


class AnswerForm:
    """What the answers of one model hold, in order."""

    def __init__(self, model: str, version: str, outputs: Sequence[OutputForm]) -> None:
        self._head = b'{"model_name":%b,"model_version":%b' % (orjson.dumps(model), orjson.dumps(version))
        self._head_without_id = self._head + b',"outputs":['
        self._outputs = outputs

    def render(self, rows: Rows, request_id: str | None) -> Answer:
        """The answer to one request; the `id` is there when the request had one."""
        head = self._head_without_id
        if request_id is not None:
            head = b'%b,"id":%b,"outputs":[' % (self._head, orjson.dumps(request_id))
        data: list[bytes] = []
        text = head + b",".join([output.write(rows, data) for output in self._outputs]) + b"]}"
        if not data:
            return Answer(text)
        return Answer(b"".join((text, *data)), OCTETS, ((HEADER_LENGTH, b"%d" % len(text)),))


def _head(name: str, datatype: Datatype) -> bytes:
    return b'{"name":%b,"datatype":"%b","shape":' % (orjson.dumps(name), datatype.encode())


def _write_binary(head: bytes, array: Array, data: list[bytes]) -> bytes:
    content = binary_tensors.encode(array)
    data.append(content)
    return b'%b%b,"parameters":{"binary_data_size":%d}}' % (head, orjson.dumps(array.shape), len(content))


def _json(array: Array) -> bytes:
    if array.dtype.kind == "O":
        return orjson.dumps(array.reshape(-1).tolist())
    return _dumps(array.reshape(-1))


def _dumps(array: Array) -> bytes:
    return orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
