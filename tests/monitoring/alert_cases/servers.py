"""Servers that are full, not ready, not there, or not what they should be."""

from tests.monitoring.alert_cases.case import Case, Fired, Stack, series

REJECTED = series("inference_rejected_total", model="digits", pod="a")
WAITING, ROOM = series("inference_queue_size", model="digits"), series("inference_queue_capacity", model="digits")
READY_A, READY_B = series("inference_ready", pod="a"), series("inference_ready", pod="b")
UP_A, UP_B = series("up", pod="a"), series("up", pod="b")
ON_GPU = series("inference_model_info", model="digits", execution_provider="CUDAExecutionProvider")
ON_CPU = series("inference_model_info", model="digits", execution_provider="CPUExecutionProvider")
FAILED = series("inference_model_switches_total", model="digits", result="failed")
SWITCHED = series("inference_model_switches_total", model="digits", result="switched")
WANTED = series("kube_deployment_spec_replicas", deployment="model-server")
WANTED_CANARY = series("kube_deployment_spec_replicas", deployment="model-server-canary")
DIGITS = {"model": "digits"}
STABLE, CANARY = series("inference_ready", track="stable"), series("inference_ready", track="canary")


CASES = [
    Case(alert="RequestsRefused", what="six a minute", given={REJECTED: "0+6x30"}, fires=(Fired(value="0.1"),)),
    Case(alert="RequestsRefused", what="none", given={REJECTED: "0x30"}),
    Case(alert="RequestsRefused", what="six a minute, for nine minutes", given={REJECTED: "0x20 6+6x9"}),
    Case(alert="QueueSaturated", what="90 of 100", given={WAITING: "90x30", ROOM: "100x30"},
         fires=(Fired(labels=DIGITS, value="90%"),)),
    Case(alert="QueueSaturated", what="79 of 100", given={WAITING: "79x30", ROOM: "100x30"}),
    Case(alert="QueueSaturated", what="full for eight minutes", given={WAITING: "0x21 100x8", ROOM: "100x30"}),
    Case(alert="NoServerReady", what="two of two are not", given={READY_A: "0x30", READY_B: "0x30"},
         fires=(Fired(),)),
    Case(alert="NoServerReady", what="one of two is not", given={READY_A: "0x30", READY_B: "1x30"}),
    Case(alert="NoServerReady", what="for a minute", given={READY_A: "1x28 0x1"}),
    Case(alert="NoServerReady", what="there is none", given={}),
    Case(alert="ServerNotReady", what="one of two for long", given={READY_A: "0x30", READY_B: "1x30"},
         fires=(Fired(labels={"pod": "a"}),)),
    Case(alert="ServerNotReady", what="one of two loads its model", given={READY_A: "_x20 0x10", READY_B: "1x30"}),
    Case(alert="ServerNotReady", what="both are", given={READY_A: "1x30", READY_B: "1x30"}),
    Case(alert="MetricsMissing", what="nothing at all", given={}, fires=(Fired(),)),
    Case(alert="MetricsMissing", what="of one of two", given={READY_A: "1x10", READY_B: "1x30"}),
    Case(alert="MetricsMissing", what="for four minutes", given={READY_A: "1x21 _x9"}),
    Case(alert="MetricsMissing", what="by day", given={WANTED: "2x30"}, stack=Stack.RESTING, fires=(Fired(),)),
    Case(alert="MetricsMissing", what="at night", given={WANTED: "0x30"}, stack=Stack.RESTING),
    Case(alert="MetricsMissing", what="both by day", given={WANTED_CANARY: "1x30"}, stack=Stack.TRACKS,
         fires=(Fired(labels={"track": "stable"}), Fired(labels={"track": "canary"}))),
    Case(alert="MetricsMissing", what="the canary at night", given={STABLE: "1x30", WANTED_CANARY: "0x30"},
         stack=Stack.TRACKS),
    Case(alert="ScrapeFailing", what="one of two", given={UP_A: "0x30", UP_B: "1x30"},
         fires=(Fired(labels={"pod": "a"}),)),
    Case(alert="ScrapeFailing", what="one of two while it starts", given={UP_A: "_x21 0x8", UP_B: "1x30"}),
    Case(alert="ScrapeFailing", what="a pod that is gone", given={UP_A: "0x15 _x15", UP_B: "1x30"}),
    Case(alert="WrongExecutionProvider", what="CPU", given={ON_CPU: "1x30"}, fires=(Fired(value="1"),)),
    Case(alert="WrongExecutionProvider", what="CUDA", given={ON_GPU: "1x30"}),
    Case(alert="WrongExecutionProvider", what="CPU, for four minutes", given={ON_CPU: "_x26 1x4"}),
    Case(alert="ModelSwitchFailed", what="one", given={FAILED: "0x20 1x10", SWITCHED: "0x30"},
         fires=(Fired(labels=DIGITS),)),
    Case(alert="ModelSwitchFailed", what="none of one", given={FAILED: "0x30", SWITCHED: "0x20 1x10"}),
    Case(alert="ModelSwitchFailed", what="one an hour ago", given={FAILED: "0x20 1x70", SWITCHED: "0x90"}, after=85),
]  # fmt: skip
