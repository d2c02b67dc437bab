"""TensorFlow Serving, by metrics of its own: 60 predictions and 12 probes a minute where all is well."""

from collections.abc import Mapping

from tests.monitoring.alert_cases.case import Case, Fired, Stack, series

PREFIX = ":tensorflow:serving:request"
STACK = Stack.TENSORFLOW
FAILED, LATE, WRONG, FULL, FINE = (
    series(f"{PREFIX}_count", pod="a", model_name="digits", status=status)
    for status in ("INTERNAL", "DEADLINE_EXCEEDED", "INVALID_ARGUMENT", "UNAVAILABLE", "OK")
)
AVAILABLE = series("kube_deployment_status_replicas_available", deployment="tensorflow-serving")
WANTED = series("kube_deployment_spec_replicas", deployment="tensorflow-serving")


def answered(api: str = "predict") -> str:
    return series(f"{PREFIX}_latency_count", pod="a", API=api, entrypoint="REST")


def bucket(microseconds: str, api: str = "predict") -> str:
    return series(f"{PREFIX}_latency_bucket", pod="a", API=api, entrypoint="REST", le=microseconds)


WELL: Mapping[str, str] = {
    answered(): "0+60x40",
    bucket("90000"): "0+60x40",
    bucket("290000"): "0+60x40",
    bucket("+Inf"): "0+60x40",
    FINE: "0+72x40",
    AVAILABLE: "2x40",
    WANTED: "2x40",
}
SLOW_PROBES = {bucket("90000", ""): "0x40", bucket("290000", ""): "0+90x40", bucket("+Inf", ""): "0+90x40"}
UNSEEN = {name: values for name, values in WELL.items() if name != FINE}
UNANSWERED = {name: values for name, values in WELL.items() if name != answered()}

CASES = [
    Case(alert="HighLatency", what="half take 90 to 290 ms", given=WELL | {bucket("90000"): "0+30x40"}, stack=STACK,
         fires=(Fired(value="270ms"),)),
    Case(alert="HighLatency", what="probes are slow", given=WELL | SLOW_PROBES, stack=STACK),
    Case(alert="HighErrorRate", what="9 % run out of time", given=WELL | {LATE: "0+6x40"}, stack=STACK,
         fires=(Fired(value="9.091%"),)),
    Case(alert="HighErrorRate", what="nothing but errors", given=UNANSWERED | {FAILED: "0+6x40"}, stack=STACK,
         fires=(Fired(value="100%"),)),
    Case(alert="HighErrorRate", what="0.8 % run out of time", given=WELL | {LATE: "0+0.5x40"}, stack=STACK),
    Case(alert="HighErrorRate", what="half of the requests are wrong", given=WELL | {WRONG: "0+60x40"}, stack=STACK),
    Case(alert="ErrorBudgetBurn", what="half fail", given=WELL | {FAILED: "0+60x40"}, stack=STACK,
         fires=tuple(Fired(labels={"window": window}, value="50") for window in ("1h", "6h", "1d", "3d"))),
    Case(alert="ErrorBudgetBurn", what="half are refused", given=WELL | {FULL: "0+60x40"}, stack=STACK),
    Case(alert="RequestsRefused", what="the queue is full", given=WELL | {FULL: "0+6x40"}, stack=STACK,
         fires=(Fired(value="0.1"),)),
    Case(alert="RequestsRefused", what="all is well", given=WELL, stack=STACK),
    Case(alert="NoServerReady", what="by day", given=WELL | {AVAILABLE: "0x40"}, stack=STACK, fires=(Fired(),)),
    Case(alert="NoServerReady", what="at night", given={AVAILABLE: "0x40", WANTED: "0x40"}, stack=STACK),
    Case(alert="MetricsMissing", what="by day", given=UNSEEN, stack=STACK, fires=(Fired(),)),
    Case(alert="MetricsMissing", what="at night", given=UNSEEN | {WANTED: "0x40"}, stack=STACK),
    Case(alert="MetricsMissing", what="all is well", given=WELL, stack=STACK),
]  # fmt: skip
