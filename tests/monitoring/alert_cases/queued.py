"""Jobs that wait, fail, or are refused, and a queue that is gone."""

from functools import partial

from tests.monitoring.alert_cases.case import Case as AnyCase
from tests.monitoring.alert_cases.case import Fired, Stack, series

Case = partial(AnyCase, stack=Stack.JOBS)

OLDEST_A, OLDEST_B = (series("inference_jobs_oldest_wait_seconds", pod=pod) for pod in "ab")
OPEN = series("inference_jobs_open", pod="a")
READY_A, READY_B = (series("inference_ready", pod=pod) for pod in "ab")
FULL = series("inference_requests_total", route="/jobs", code="429")
AWAY = series("inference_requests_total", route="/jobs", code="503")
TAKEN = series("inference_requests_total", route="/jobs", code="202")
PREDICTIONS = series("inference_requests_total", route="/predict", code="429")
SUCCEEDED, FAILED, RETRIED = (
    series("inference_jobs_total", model="digits", result=result) for result in ("succeeded", "failed", "retried")
)


# fmt: off
CASES = [
    Case(alert="JobsWait", what="one for longer than ten minutes", given={OLDEST_A: "0+60x30", OLDEST_B: "0+60x30"},
         after=20, fires=(Fired(value="20m 0s"),)),
    Case(alert="JobsWait", what="each for nearly ten minutes", given={OLDEST_A: "590x30"}),
    Case(alert="JobsWait", what="one for just over ten minutes, and then a worker came",
         given={OLDEST_A: "0+60x11 0x18"}),
    Case(alert="JobsWait", what="none", given={OLDEST_A: "0x30"}),
    Case(alert="JobsNearlyLost", what="for more than half of an hour", given={OLDEST_A: "0+60x40"}, after=40,
         fires=(Fired(value="40m 0s"),)),
    Case(alert="JobsNearlyLost", what="for less than that", given={OLDEST_A: "0+60x29"}, after=29),
    Case(alert="JobsRefused", what="six a minute, since too many wait", given={FULL: "0+6x30", TAKEN: "0+600x30"},
         fires=(Fired(value="0.1"),)),
    Case(alert="JobsRefused", what="six a minute, since Redis is away or full", given={AWAY: "0+6x30"},
         fires=(Fired(value="0.1"),)),
    Case(alert="JobsRefused", what="predictions, not jobs", given={PREDICTIONS: "0+6x30", TAKEN: "0+600x30"}),
    Case(alert="JobQueueUnreachable", what="no server has word of it", given={READY_A: "1x30", READY_B: "1x30"},
         fires=(Fired(value="2"),)),
    Case(alert="JobQueueUnreachable", what="one has word of it",
         given={READY_A: "1x30", READY_B: "1x30", OPEN: "3x30"}),
    Case(alert="JobQueueUnreachable", what="servers rest", given={READY_A: "1x20 _x10", OPEN: "3x20 _x10"}),
    Case(alert="JobsFail", what="one of ten", given={SUCCEEDED: "0+9x60", FAILED: "0+1x60"}, after=60,
         fires=(Fired(value="10%"),)),
    Case(alert="JobsFail", what="one of a hundred", given={SUCCEEDED: "0+99x60", FAILED: "0+1x60"}, after=60),
    Case(alert="JobsFail", what="many are tried again", given={SUCCEEDED: "0+9x60", FAILED: "0x60", RETRIED: "0+9x60"},
         after=60),
]
# fmt: on
