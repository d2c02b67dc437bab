"""Finished requests and model calls as spans: how they hang together, and what describes them.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/
https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
"""

from collections.abc import Iterable
from functools import lru_cache
from operator import itemgetter
from random import getrandbits
from typing import TypeAlias
from urllib.parse import urlsplit

from inference_app import otlp
from inference_app.contract import LookupResult
from inference_app.otlp import Kind, Template
from inference_app.trace import (
    CacheLookup,
    ClientCall,
    Context,
    FinishedBatch,
    GrpcAnswer,
    HttpAnswer,
    ModelCall,
    Record,
    Trace,
)

FORWARD = 2
"""The model call's place among the stages."""

DEFAULT_PORTS = {"http": 80, "https": 443}

KEPT = 4096
"""Descriptions that are encoded once; their number is bounded by routes, statuses, model versions and batch sizes."""


Stage: TypeAlias = tuple[float, float, Template, bytes]
"""A part of a request's work: start, end (0 where it did not come to it), what it is, and its links."""


def encode(record: Record, epoch: int) -> bytes:
    """A record's spans, as `otlp.request` takes them; `epoch` is the Unix time in nanoseconds at the counter's 0."""
    return _batch(record, epoch) if isinstance(record, FinishedBatch) else b"".join(_request(record, epoch))


def _request(trace: Trace, epoch: int) -> list[bytes]:
    received_ns, answered_ns = epoch + int(trace.received_at * 1e9), epoch + int(trace.answered_at * 1e9)
    trace_id, span_id = _ids(trace)
    ids = getrandbits(256).to_bytes(32)
    spans: list[bytes] = []
    for number, (start, end, template, links) in enumerate(_stages(trace)):
        own = ids[8 * number : 8 * number + 8]
        end_ns = epoch + int(end * 1e9) if end else answered_ns
        spans.append(template.below(span_id, trace_id, own, epoch + int(start * 1e9), end_ns))
        spans.append(links)
        if number == FORWARD and trace.calls:
            spans += [_client(call, trace_id, own, epoch) for call in trace.calls]
    if trace.lookup is not None:
        spans.append(_lookup(trace.lookup, trace_id, span_id, epoch))
    template = _entry(trace.answer, trace.model, trace.error_type)
    if trace.failure is not None:
        template = Template(template.rest + otlp.failed(trace.failure))
    if trace.parent is None:
        return [*spans, template.root(trace_id, span_id, received_ns, answered_ns)]
    if trace.parent.state:
        template = Template(template.rest + otlp.state(trace.parent.state))
    caller = bytes.fromhex(trace.parent.span_id)
    return [*spans, template.below(caller, trace_id, span_id, received_ns, answered_ns, otlp.IS_REMOTE)]


def _stages(trace: Trace) -> list[Stage]:
    """How far a request came; what it was in when the server failed says so."""
    reached: list[Stage] = []
    if trace.preparing_at:
        reached.append((trace.preparing_at, trace.parsed_at, PREPROCESS, b""))
    if trace.queued_at:
        reached.append((trace.queued_at, trace.started_at, WAIT, b""))
    if trace.started_at:
        forward = _forward(_sizes(trace.call), trace.rows, len(trace.batches))
        reached.append((trace.started_at, trace.finished_at, forward, _links(trace.batches)))
    if trace.finished_at:
        reached.append((trace.finished_at, trace.answered_at, POSTPROCESS, b""))
    reached.sort(key=itemgetter(0))  # what takes long to prepare waits first
    unfinished = [number for number, (_, end, *_) in enumerate(reached) if not end]
    if trace.failure is not None and unfinished:
        start, end, last, links = reached[unfinished[-1]]
        reached[unfinished[-1]] = (start, end, Template(last.rest + otlp.failed(trace.failure), len(links)), links)
    return reached


def _batch(batch: FinishedBatch, epoch: int) -> bytes:
    call = batch.call
    links = _links(batch.requests)
    template = _batch_described(_sizes(call), batch.model, len(batch.requests))
    if batch.failure is not None:
        template = Template(template.rest + otlp.failed(batch.failure), len(links))
    started_ns, finished_ns = epoch + int(call.started * 1e9), epoch + int(call.finished * 1e9)
    return template.root(*_ids(batch.context), started_ns, finished_ns) + links


def _lookup(lookup: CacheLookup, trace_id: bytes, parent_id: bytes, epoch: int) -> bytes:
    own = getrandbits(64).to_bytes(8)
    start_ns, end_ns = epoch + int(lookup.started * 1e9), epoch + int(lookup.finished * 1e9)
    return LOOKUPS[lookup.result].below(parent_id, trace_id, own, start_ns, end_ns)


def _client(call: ClientCall, trace_id: bytes, parent_id: bytes, epoch: int) -> bytes:
    url = urlsplit(call.url)
    error = call.error or (str(call.status) if call.status and call.status >= 400 else "")
    attributes: dict[str, str | int] = {
        "http.request.method": call.method,
        "server.address": url.hostname or "",
        "server.port": url.port or DEFAULT_PORTS[url.scheme],
        "url.full": url._replace(netloc=url.netloc.rpartition("@")[2]).geturl(),  # without a password
        **({"http.response.status_code": call.status} if call.status else {}),
        **({"error.type": error} if error else {}),
    }
    rest = otlp.described(call.method, Kind.CLIENT, attributes) + (otlp.failed("") if error else b"")
    start_ns, end_ns = epoch + int(call.started * 1e9), epoch + int(call.finished * 1e9)
    return Template(rest).below(parent_id, trace_id, bytes.fromhex(call.span_id), start_ns, end_ns)


def _links(to: Iterable[Context | Trace]) -> bytes:
    return b"".join([otlp.link(*_ids(each)) for each in to])


def _ids(of: Context | Trace) -> tuple[bytes, bytes]:
    return bytes.fromhex(of.trace_id), bytes.fromhex(of.span_id)


def _sizes(call: ModelCall | None) -> tuple[int, int, str]:
    return (call.requests, call.examples, call.provider) if call else (0, 0, "")


PREPROCESS, WAIT, POSTPROCESS = (
    Template(otlp.described(name, Kind.INTERNAL, {})) for name in ("preprocess", "batch.wait", "postprocess")
)
LOOKUPS = {
    result: Template(otlp.described("cache.lookup", Kind.INTERNAL, {"inference.cache_result": result.value}))
    for result in LookupResult
}


@lru_cache(KEPT)
def _forward(sizes: tuple[int, int, str], rows: int, links: int) -> Template:
    attributes = {**_call(sizes), "inference.request_size": rows}
    return Template(otlp.described("model_forward", Kind.INTERNAL, attributes), otlp.LINK_SIZE * links)


@lru_cache(KEPT)
def _batch_described(sizes: tuple[int, int, str], model: tuple[str, str] | None, links: int) -> Template:
    described = otlp.described("batch", Kind.INTERNAL, {**_call(sizes), **_model(model)})
    return Template(described, otlp.LINK_SIZE * links)


@lru_cache(KEPT)
def _entry(answer: HttpAnswer | GrpcAnswer | None, model: tuple[str, str] | None, error: str) -> Template:
    attributes = {**_model(model), **({"error.type": error} if error else {})}
    if isinstance(answer, GrpcAnswer):
        call = {"rpc.system.name": "grpc", "rpc.method": answer.method, "rpc.response.status_code": answer.code}
        return Template(otlp.described(answer.method, Kind.SERVER, {**call, **attributes}))
    assert answer is not None  # noqa: S101 - what is exported is finished
    request: dict[str, str | int] = {
        "http.request.method": answer.method,
        "http.route": answer.route,
        "http.response.status_code": answer.status,
        "url.scheme": "http",
    }
    return Template(otlp.described(f"{answer.method} {answer.route}", Kind.SERVER, {**request, **attributes}))


def _call(sizes: tuple[int, int, str]) -> dict[str, str | int]:
    requests, examples, provider = sizes
    if not requests:
        return {}
    return {
        "inference.batch_size": examples,
        "inference.batch_requests": requests,
        **({"inference.execution_provider": provider} if provider else {}),
    }


def _model(model: tuple[str, str] | None) -> dict[str, str | int]:
    return {"inference.model": model[0], "inference.model_version": model[1]} if model else {}
