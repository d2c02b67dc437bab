"""Spans and log lines that are lost on their way, and others that arrive."""

from tests.monitoring.alert_cases.case import Case, Fired, Stack

REFUSED = 'otelcol_receiver_refused_spans_total{namespace="tracing",pod="a",receiver="otlp",transport="http"}'
GIVEN_UP = 'otelcol_exporter_send_failed_spans_total{namespace="tracing",pod="a",exporter="otlp_grpc"}'
SENT = 'otelcol_exporter_sent_spans_total{namespace="tracing",pod="a",exporter="otlp_grpc"}'
DROPPED = 'fluentbit_output_dropped_records_total{namespace="monitoring",pod="a",name="loki.0"}'
AGAIN = 'fluentbit_output_retries_total{namespace="monitoring",pod="a",name="loki.0"}'

CASES = [
    Case(alert="SpansLost", what="the queue is full", given={REFUSED: "0+60x30"}, stack=Stack.TRACING,
         fires=(Fired(value="1"),)),
    Case(alert="SpansLost", what="Jaeger stays away", given={REFUSED: "0x30", GIVEN_UP: "0+120x30"},
         stack=Stack.TRACING, fires=(Fired(value="2"),)),
    Case(alert="SpansLost", what="both", given={REFUSED: "0+60x30", GIVEN_UP: "0+120x30"}, stack=Stack.TRACING,
         fires=(Fired(value="3"),)),
    Case(alert="SpansLost", what="all are sent", given={REFUSED: "0x30", GIVEN_UP: "0x30", SENT: "0+600x30"},
         stack=Stack.TRACING),
    Case(alert="SpansLost", what="some were, half an hour ago", given={REFUSED: "0+60x10 600x30"}, after=40,
         stack=Stack.TRACING),
    Case(alert="SpansLost", what="some are, in somebody else's collector", stack=Stack.TRACING,
         given={REFUSED.replace("tracing", "company"): "0+60x30"}),
    Case(alert="LogLinesLost", what="the store refuses lines", given={DROPPED: "0+30x30"}, stack=Stack.LOGS,
         fires=(Fired(value="0.5"),)),
    Case(alert="LogLinesLost", what="the store is away, and lines wait", given={DROPPED: "0x30", AGAIN: "0+6x30"},
         stack=Stack.LOGS),
    Case(alert="LogLinesLost", what="a few lines, once", given={DROPPED: "0x10 5x30"}, stack=Stack.LOGS),
]  # fmt: skip
