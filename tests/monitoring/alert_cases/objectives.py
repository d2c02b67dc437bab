"""Requests that fail, are slow, or do not come. The objectives are 1 % of errors, and 95 % within 100 ms."""

from tests.monitoring.alert_cases.case import DAY, HOUR, Case, Fired, Stack, local, series

ASKED = {"route": "/predict", "model": "digits", "version": "1"}
COUNT = series("inference_request_duration_seconds_count", **ASKED, pod="a")


def bucket(le: str) -> str:
    return series("inference_request_duration_seconds_bucket", **ASKED, pod="a", le=le)


def answered(code: str, **track: str) -> str:
    return series("inference_requests_total", **ASKED, code=code, **track)


def counted(*phases: tuple[float, int]) -> str:
    """A counter over phases, each of so many a minute for so many minutes."""
    made, total = ["0x0"], 0.0
    for rate, minutes in phases:
        made.append(f"{total + rate:g}{rate:+g}x{minutes - 1}")
        total += rate * minutes
    return " ".join(made)


def failing(*phases: tuple[float, int]) -> dict[str, str]:
    """Of a hundred requests a minute, so many that fail for so many minutes."""
    minutes = sum(each for _, each in phases)
    return {
        COUNT: counted((100, minutes)),
        answered("200"): counted(*((100 - rate, each) for rate, each in phases)),
        answered("500"): counted(*phases),
    }


def slow(*phases: tuple[float, int]) -> dict[str, str]:
    """Of a hundred requests a minute, so many that take between 100 and 250 ms for so many minutes."""
    minutes = sum(each for _, each in phases)
    return {
        COUNT: counted((100, minutes)),
        bucket("0.1"): counted(*((100 - rate, each) for rate, each in phases)),
        bucket("0.25"): counted((100, minutes)),
        bucket("+Inf"): counted((100, minutes)),
    }


def burnt(window: str, value: str) -> Fired:
    return Fired(labels={"window": window}, value=value)


QUIET = counted((0, 2 * DAY), (1 / 60, 5 * HOUR))
AT_NIGHT = {COUNT: QUIET, answered("500"): QUIET}
BURNS = [
    Case(alert="ErrorBudgetBurn", what="20 % fail for an hour", given=failing((0, DAY), (20, 75)), after=DAY + 75,
         fires=(burnt("1h", "20"),)),
    Case(alert="ErrorBudgetBurn", what="8 % fail for six hours", given=failing((0, 2 * DAY), (8, 375)),
         after=2 * DAY + 375, fires=(burnt("6h", "8"),)),
    Case(alert="ErrorBudgetBurn", what="4 % fail for a day", given=failing((0, 2 * DAY), (4, DAY + 15)),
         after=3 * DAY + 15, fires=(burnt("1d", "4"), burnt("3d", "1.34"))),
    Case(alert="ErrorBudgetBurn", what="2 % fail all the time", given=failing((2, DAY)), after=DAY,
         fires=(burnt("3d", "2"),)),
    Case(alert="ErrorBudgetBurn", what="14 % fail for an hour", given=failing((0, DAY), (14, 75)), after=DAY + 75),
    Case(alert="ErrorBudgetBurn", what="0.9 % fail all the time", given=failing((0.9, DAY)), after=DAY),
    Case(alert="ErrorBudgetBurn", what="20 % failed for an hour until a quarter of an hour ago", after=DAY + 75,
         given=failing((0, DAY), (20, 60), (0, 15))),
    Case(alert="ErrorBudgetBurn", what="all of five requests in five hours fail", given=AT_NIGHT,
         after=2 * DAY + 5 * HOUR),
    Case(alert="ErrorBudgetBurn", what="nobody asks", given=failing((0, DAY)) | {COUNT: "0x1440"}, after=DAY),
    Case(alert="LatencyBudgetBurn", what="80 % are slow for an hour", given=slow((0, DAY), (80, 90)), after=DAY + 90,
         fires=(burnt("1h", "16"),)),
    Case(alert="LatencyBudgetBurn", what="6 % are slow all the time", given=slow((6, DAY)), after=DAY,
         fires=(burnt("3d", "1.2"),)),
    Case(alert="LatencyBudgetBurn", what="4 % are slow all the time", given=slow((4, DAY)), after=DAY),
    Case(alert="LatencyBudgetBurn", what="70 % are slow for an hour", given=slow((0, DAY), (70, 90)), after=DAY + 90),
]  # fmt: skip

NOW = [
    Case(alert="HighLatency", what="half take 100 to 250 ms", given=slow((50, 30)), fires=(Fired(value="235ms"),)),
    Case(alert="HighLatency", what="4 % take longer", given=slow((4, 30))),
    Case(alert="HighLatency", what="half take longer for ten minutes", given=slow((0, 20), (50, 10))),
    Case(alert="HighLatency", what="one request at night is slow",
         given=slow((0, 5)) | {COUNT: "0x9 1x20", bucket("0.1"): "0x30", bucket("+Inf"): "0x9 1x20"}),
    Case(alert="HighErrorRate", what="3 % fail", given=failing((3, 30)), fires=(Fired(value="3%"),)),
    Case(alert="HighErrorRate", what="0.9 % fail", given=failing((0.9, 30))),
    Case(alert="HighErrorRate", what="3 % fail for ten minutes", given=failing((0, 20), (3, 10))),
    Case(alert="HighErrorRate", what="the only request of the night fails",
         given={answered("500"): "0x9 1x20", answered("200"): "0x30"}, after=15),
    Case(alert="HighErrorRate", what="half are refused",
         given={answered("429"): counted((50, 30)), answered("200"): counted((50, 30))}),
    Case(alert="HighErrorRate", what="requests for no model are told so",
         given=failing((0, 30)) | {series("inference_requests_total", route="/health", code="503"): counted((9, 30))}),
    Case(alert="HighErrorRate", what="the canary's requests fail", stack=Stack.TRACKS,
         given={answered("200", track="stable"): counted((90, 30)), answered("200", track="canary"): counted((5, 30)),
                answered("500", track="canary"): counted((5, 30))},
         fires=(Fired(labels={"track": "canary"}, value="50%"),)),
    Case(alert="HighErrorRate", what="3 % fail", stack=Stack.LOCAL, fires=(Fired(value="3%"),),
         given={local("inference_requests_total", **ASKED, code="200"): counted((97, 30)),
                local("inference_requests_total", **ASKED, code="500"): counted((3, 30))}),
]  # fmt: skip

YESTERDAY_TOO = counted((100, 25 * HOUR), (0, 90))
SILENCE = [
    Case(alert="NoTraffic", what="requests stop", given={COUNT: YESTERDAY_TOO}, after=25 * HOUR + 75,
         fires=(Fired(value="0"),)),
    Case(alert="NoTraffic", what="there is one a minute", given={COUNT: counted((100, 25 * HOUR), (1, 90))},
         after=25 * HOUR + 75),
    Case(alert="NoTraffic", what="they stop for twenty minutes", given={COUNT: YESTERDAY_TOO}, after=25 * HOUR + 20),
    Case(alert="NoTraffic", what="they stop every evening",
         given={COUNT: counted((100, 12 * HOUR), (0, 12 * HOUR), (100, 12 * HOUR), (0, 2 * HOUR))},
         after=36 * HOUR + 75),
    Case(alert="NoTraffic", what="it is the morning of a day off",
         given={COUNT: counted((100, 8 * HOUR), (0, 24 * HOUR))}, after=25 * HOUR + 30),
    Case(alert="NoTraffic", what="the pods rest", given={COUNT: f"{counted((100, 25 * HOUR))} _x90"},
         after=25 * HOUR + 75, stack=Stack.RESTING),
    Case(alert="NoTraffic", what="the canary gets no share any more", stack=Stack.TRACKS, after=25 * HOUR + 75,
         given={COUNT.replace("}", ',track="stable"}'): counted((100, 27 * HOUR)),
                COUNT.replace("}", ',track="canary"}'): YESTERDAY_TOO}),
]  # fmt: skip

CASES = [*BURNS, *NOW, *SILENCE]
