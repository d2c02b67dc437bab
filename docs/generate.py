"""`python -m docs.generate`: write the pages of docs/ that come from code."""

import json
from collections.abc import Iterable, Iterator
from enum import Enum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from docs.alerts import alerts_page
from docs.architecture import architecture_page
from docs.endpoints import endpoints_page
from docs.policy import policy_page
from inference_app.contract import LATENCY_BUCKETS, METRICS, Metric
from inference_app.settings import Settings as ServerSettings
from infra.compatibility.page import page as compatibility_page
from infra.settings.messages import model_in
from infra.settings.stack import StackSettings

FOLDER = Path(__file__).parent

_HEAD = """# Settings

Generated from the settings models by `make docs`; edit those.

## Stack files

`Pulumi.<stack>.yaml` holds one block for each component, as `inference-platform:<block>`. A block that is absent
creates nothing. A key that is not listed here is refused.

| Key | Type | Unit | Default | Meaning |
|---|---|---|---|---|
"""
_SERVER_HEAD = """
## Server

Environment variables of `python -m inference_app`; in a cluster the program sets them from the `serving` block.

| Variable | Type | Unit | Default | Meaning |
|---|---|---|---|---|
"""

_METRICS_HEAD = """# Metrics

Generated from `inference_app/contract.py` by `make docs`; edit that.

`GET /metrics` answers in Prometheus' text format, and as OpenMetrics with examples of traces where `Accept` asks for
it. Alerts, dashboards and autoscaling are built from these names.

| Metric | Type | Labels | Meaning |
|---|---|---|---|
"""
_METRICS_TAIL = """
`process_*` are memory, CPU time and open files of the process, as Prometheus' client libraries name them.

## Labels

- `route` is a path's template, such as `/predict/{name}`, or `grpc/` and the name of a call. It is `unknown` for a path
  that the server does not have, and `unread` for what could not be read.
- `code` is the HTTP status; a gRPC call counts under the one of the same meaning. 499 is a client that left first.
- `model` and `version` of a request are those of the model that it reached, whatever came of it: a full queue counts
  there, and a model that is not ready. They are empty where none was reached: probes, a model that is not served, a
  request without a key, a body that is too large. So a route's whole traffic is the sum over both.
- `device` is the GPU's UUID, or the slice's on a GPU that is divided by MIG.

No label takes a value from a request: a path, model or version that the server does not have adds no series. A server
of one model has some 350 series, with gRPC 500; each further model adds 60, and 15 for each way by which it is asked.

When a version is unloaded, the series of its requests end; what they counted since the last scrape is lost. All its
other counts go on in the version that follows.

## Buckets

`LATENCY_TARGET_MS` adds a bucket to request durations that ends at the objective, so that the share of requests that
keep it is exact, not interpolated. The others end at these seconds:

"""
_METRICS_END = """
## GPU memory

It is read from NVML when somebody asks, while a model runs on CUDA; `nvidia-ml-py` is part of the `cuda` image. CUDA's
number (`GPU_DEVICE_ID`) is turned into a UUID first, for NVML may number devices differently and does not follow
`CUDA_VISIBLE_DEVICES`. A MIG slice has memory of its own. Where pods share a GPU by time or by MPS, each tells the use
of all, so take the maximum by `device`, not the sum. Where NVML says nothing, the series are absent and the log says
why, once.

## Several processes

With `WORKERS` above 1 every process answers with the sums of all, and `process_*` has the label `worker`.
"""


def metrics_page() -> str:
    """The metrics reference as Markdown."""
    rows = "".join(map(_metric, METRICS))
    buckets = ", ".join(f"{bound:g}" for bound in LATENCY_BUCKETS)
    return f"{_METRICS_HEAD}{rows}{_METRICS_TAIL}{buckets}.\n{_METRICS_END}"


def _metric(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |\n"


def settings_page() -> str:
    """The settings reference as Markdown."""
    stack = "".join(map(_row, _stack_fields(StackSettings, "")))
    server = "".join(_row((name.upper(), field)) for name, field in ServerSettings.model_fields.items())
    return _HEAD + stack + _SERVER_HEAD + server


def _stack_fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for field in model.model_fields.values():
        key = f"{prefix}{field.alias}"
        yield key, field
        child = model_in(field.annotation)
        if child:
            named = "dict[" in str(field.annotation)
            yield from _stack_fields(child, f"{key}.<name>." if named else f"{key}.")


def _row(entry: tuple[str, FieldInfo]) -> str:
    key, field = entry
    cells = [
        f"`{key}`",
        _type(field.annotation) + _limits(field.metadata),
        _unit(field),
        _default(field),
        field.description or "",
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


_PLAIN = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret text",
    IPv4Network: "IPv4 range",
    type(None): "absent",
}


def _type(annotation: Any) -> str:
    """An annotation in a reader's words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0]) + _limits(arguments[1:])
    if origin is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "blocks by name" if model_in(arguments[1]) else f"{_type(arguments[1])} by name"
    if arguments:
        return " or ".join(_type(argument) for argument in arguments if argument is not type(None))
    if issubclass(annotation, Enum):
        return "one of " + ", ".join(f"`{member.value}`" for member in annotation)
    return "block" if issubclass(annotation, BaseModel) else _PLAIN[annotation]


_SIGNS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}


def _limits(metadata: Iterable[Any]) -> str:
    """The bounds of a number, as in ` from 1 to 16`."""
    items = [part for item in metadata for part in (item.metadata if isinstance(item, FieldInfo) else [item])]
    bounds = {name: getattr(item, name) for item in items for name in _SIGNS if hasattr(item, name)}
    if "gt" in bounds:
        bounds.pop("ge", None)  # a type's own bound, narrowed by the field's
    return "".join(f" {sign} {bounds[name]:g}" for name, sign in _SIGNS.items() if name in bounds)


def _unit(field: FieldInfo) -> str:
    extra = cast("dict[str, str] | None", field.json_schema_extra) or {}
    return extra.get("unit", "")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, BaseModel):
        return "absent" if value is None else ""
    if isinstance(value, Path):
        return "the shipped models"
    return f"`{json.dumps(value, default=str)}`"


PAGES = {
    "alerts.md": alerts_page,
    "architecture.md": architecture_page,
    "compatibility.md": compatibility_page,
    "endpoints.md": endpoints_page,
    "metrics.md": metrics_page,
    "policy.md": policy_page,
    "settings.md": settings_page,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
