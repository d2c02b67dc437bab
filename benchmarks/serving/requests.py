"""Requests in the protocols that servers speak, each with the check of its answer."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.serving.sample import Sample, WrongAnswer

JSON = "application/json"
OCTETS = "application/octet-stream"
JPEG = "image/jpeg"
BOUNDARY = "benchmark"
HEADER_LENGTH = "Inference-Header-Content-Length"
"""https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md"""

Headers = Mapping[str, str]
Check = Callable[[bytes, Headers], None]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A POST, repeated as it is; `check` raises `WrongAnswer` for a body and headers that do not answer it."""

    path: str
    body: bytes
    content_type: str = JSON
    headers: Headers = field(default_factory=dict[str, str])
    check: Check

    def all_headers(self) -> dict[str, str]:
        """The content type and the others."""
        return {"Content-Type": self.content_type, **self.headers}


Dialect = Callable[[Sample], Request]


def rows(path: str) -> Dialect:
    """`{"inputs": [[...]]}` in, `{"outputs": [[...]]}` out."""
    return lambda sample: Request(
        path=path,
        body=_dumps({"inputs": _only(sample).tolist()}),
        check=lambda body, _: sample.check_row(json.loads(body)["outputs"]),
    )


def predictions(path: str) -> Dialect:
    """`{"inputs": [[...]]}` in, `{"predictions": [{"label": ...}]}` out."""
    return lambda sample: Request(
        path=path,
        body=_dumps({"inputs": _only(sample).tolist()}),
        check=lambda body, _: sample.check_label(json.loads(body)["predictions"][0]["label"]),
    )


def numbers(path: str) -> Dialect:
    """The tensors' bytes in, the output's bytes out."""
    return lambda sample: Request(
        path=path,
        body=_numbers(sample),
        content_type=OCTETS,
        check=lambda body, _: sample.check_row(np.frombuffer(body, np.float32)),
    )


def jpeg(path: str) -> Dialect:
    """A JPEG's bytes in, a label out."""
    return lambda sample: Request(
        path=path,
        body=_jpeg(sample),
        content_type=JPEG,
        check=lambda body, _: sample.check_label(_label(json.loads(body))),
    )


def oip(path: str) -> Dialect:
    """The Open Inference Protocol's JSON."""
    return lambda sample: Request(
        path=path.format(model=sample.model),
        body=_dumps({"inputs": [{**_tensor(sample, name), "data": _flat(sample, name)} for name in sample.inputs]}),
        check=lambda body, _: sample.check_row(json.loads(body)["outputs"][0]["data"]),
    )


def oip_binary(path: str) -> Dialect:
    """The Open Inference Protocol with its binary tensor extension."""
    return lambda sample: _binary(
        path.format(model=sample.model),
        {name: (_tensor(sample, name), array.tobytes()) for name, array in sample.inputs.items()},
        lambda body, headers: sample.check_row(_first_tensor(body, headers)),
        [{"name": sample.output, "parameters": {"binary_data": True}}],
    )


def oip_jpeg(path: str) -> Dialect:
    """A JPEG as a tensor of bytes named `jpeg` by the binary tensor extension, the model's output out."""
    return lambda sample: _binary(
        path.format(model=sample.model),
        {"jpeg": ({"name": "jpeg", "datatype": "UINT8", "shape": [len(_jpeg(sample))]}, _jpeg(sample))},
        lambda body, headers: sample.check_label(str(int(_first_tensor(body, headers).argmax()))),
        [{"name": sample.output, "parameters": {"binary_data": True}}],
    )


def oip_base64(path: str, *, image: bool) -> Dialect:
    """The Open Inference Protocol's JSON around bytes in base64: a JPEG, or the tensors' numbers."""
    return lambda sample: Request(
        path=path.format(model=sample.model),
        body=_dumps({"inputs": [_base64(_jpeg(sample) if image else _numbers(sample))]}),
        check=lambda body, _: _check(sample, json.loads(body)["outputs"][0]["data"], image=image),
    )


def instances(path: str) -> Dialect:
    """KServe's first protocol: `{"instances": [[...]]}` in, `{"predictions": [[...]]}` out."""
    return lambda sample: Request(
        path=path.format(model=sample.model),
        body=_dumps({"instances": _only(sample).tolist()}),
        check=lambda body, _: sample.check_row(json.loads(body)["predictions"]),
    )


def arrays(path: str) -> Dialect:
    """`{"inputs": [[...]]}` in, the bare output as nested lists out."""
    return lambda sample: Request(
        path=path,
        body=_dumps({"inputs": _only(sample).tolist()}),
        check=lambda body, _: sample.check_row(json.loads(body)),
    )


def form(path: str, field: str, *, image: bool) -> Dialect:
    """A form with one file, a JPEG or the tensors' numbers, in; a label or `{"outputs": [[...]]}` out."""
    return lambda sample: Request(
        path=path,
        body=_form(field, _jpeg(sample) if image else _numbers(sample), JPEG if image else OCTETS),
        content_type=f"multipart/form-data; boundary={BOUNDARY}",
        check=(lambda body, _: sample.check_label(_label(json.loads(body))))
        if image
        else (lambda body, _: sample.check_row(json.loads(body)["outputs"])),
    )


def _form(field: str, content: bytes, content_type: str) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{field}"\r\n'
    return f"{head}Content-Type: {content_type}\r\n\r\n".encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def _base64(content: bytes) -> dict[str, Any]:
    data = [base64.b64encode(content).decode()]
    return {
        "name": "bytes",
        "datatype": "BYTES",
        "shape": [1, 1],
        "data": data,
        "parameters": {"content_type": "base64"},
    }


def _check(sample: Sample, row: list[float], *, image: bool) -> None:
    if image:
        sample.check_label(str(int(np.argmax(row))))
    else:
        sample.check_row(row)


def _numbers(sample: Sample) -> bytes:
    return b"".join(array.tobytes() for array in sample.inputs.values())


def _binary(path: str, tensors: dict[str, tuple[dict[str, Any], bytes]], check: Check, outputs: list[Any]) -> Request:
    inputs = [{**spec, "parameters": {"binary_data_size": len(data)}} for spec, data in tensors.values()]
    head = _dumps({"inputs": inputs, "outputs": outputs})
    return Request(
        path=path,
        body=head + b"".join(data for _, data in tensors.values()),
        content_type=OCTETS,
        headers={HEADER_LENGTH: str(len(head))},
        check=check,
    )


def _first_tensor(body: bytes, headers: Headers) -> Any:
    start = int({name.lower(): value for name, value in headers.items()}[HEADER_LENGTH.lower()])
    size = json.loads(body[:start])["outputs"][0]["parameters"]["binary_data_size"]
    return np.frombuffer(body[start : start + size], np.float32)


def _tensor(sample: Sample, name: str) -> dict[str, Any]:
    return {"name": name, "datatype": sample.datatypes[name], "shape": list(sample.inputs[name].shape)}


def _flat(sample: Sample, name: str) -> list[Any]:
    return sample.inputs[name].reshape(-1).tolist()


def _only(sample: Sample) -> Any:
    (array,) = sample.inputs.values()
    return array


def _jpeg(sample: Sample) -> bytes:
    if sample.jpeg is None:
        raise ValueError(f"{sample.model} takes no images")
    return sample.jpeg


def _label(answer: dict[str, Any]) -> Any:
    try:
        return answer["label"] if "label" in answer else answer["predictions"][0]["label"]
    except (KeyError, IndexError) as error:
        raise WrongAnswer(f"no label in {answer}") from error


def _dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
