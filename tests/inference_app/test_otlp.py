"""The wire format, read back by OpenTelemetry's own classes."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from inference_app import otlp
from inference_app.otlp import Kind, Template

TRACE, SPAN, PARENT = bytes(range(16)), bytes(range(8)), bytes(range(8, 16))
START, END = 1_700_000_000_000_000_001, 1_700_000_000_000_000_999


def read(*spans: bytes) -> list[Span]:
    request = otlp.request(otlp.resource({"service.name": "digits"}), otlp.scope("ours", "1.2"), spans)
    (resource,) = ExportTraceServiceRequest.FromString(request).resource_spans
    (scope,) = resource.scope_spans
    assert (scope.scope.name, scope.scope.version) == ("ours", "1.2")
    assert [(each.key, each.value.string_value) for each in resource.resource.attributes] == [
        ("service.name", "digits")
    ]
    return list(scope.spans)


def attributes(span: Span) -> dict[str, str | int]:
    return {
        each.key: each.value.int_value if each.value.HasField("int_value") else each.value.string_value
        for each in span.attributes
    }


def test_a_filled_template_is_a_span_of_its_parents_trace() -> None:
    template = Template(otlp.described("model_forward", Kind.CLIENT, {"a": "ä", "n": 7}))
    first, second = read(
        template.below(PARENT, TRACE, SPAN, START, END), template.below(SPAN, TRACE, PARENT, END, END + 1)
    )
    assert (first.trace_id, first.span_id, first.parent_span_id) == (TRACE, SPAN, PARENT)
    assert (first.start_time_unix_nano, first.end_time_unix_nano) == (START, END)
    assert (first.name, first.kind, attributes(first)) == ("model_forward", Span.SPAN_KIND_CLIENT, {"a": "ä", "n": 7})
    assert (second.span_id, second.parent_span_id, second.start_time_unix_nano) == (PARENT, SPAN, END)


def test_a_root_has_no_parent_and_links_to_others() -> None:
    rest = otlp.described("batch", Kind.INTERNAL, {}) + otlp.link(TRACE, PARENT) + otlp.link(TRACE, SPAN)
    (span,) = read(Template(rest).root(TRACE, SPAN, START, END))
    assert span.parent_span_id == b""
    assert [(link.trace_id, link.span_id) for link in span.links] == [(TRACE, PARENT), (TRACE, SPAN)]


@pytest.mark.parametrize(("flags", "expected"), [(otlp.IS_LOCAL, 0x100), (otlp.IS_REMOTE, 0x300)])
def test_flags_tell_whether_the_parent_is_another_process_s(flags: bytes, expected: int) -> None:
    (span,) = read(Template(b"").below(PARENT, TRACE, SPAN, START, END, flags))
    assert span.flags == expected


@pytest.mark.parametrize("reason", ["", "no time left"])
def test_a_failure_is_a_status_with_its_reason(reason: str) -> None:
    (span,) = read(Template(otlp.failed(reason) + otlp.state("vendor=1")).below(PARENT, TRACE, SPAN, START, END))
    assert (span.status.code, span.status.message) == (Status.STATUS_CODE_ERROR, reason)
    assert span.trace_state == "vendor=1"


@pytest.mark.parametrize("size", [0, 1, 50, 127, 128, 16_383, 16_384, 70_000])
def test_texts_and_numbers_of_any_length_come_whole(size: int) -> None:
    text, number = "x" * size, 2 ** (size % 63)
    (span,) = read(
        Template(otlp.described(text, Kind.SERVER, {"t": text, "n": number})).below(PARENT, TRACE, SPAN, 1, 2)
    )
    assert (span.name, attributes(span)) == (text, {"t": text, "n": number})
