"""Alarms of a Lambda function."""

import pulumi

from infra.managed.cloudwatch.alarm import Alarm, Metric
from infra.managed.cloudwatch.kinds import failing, full, silent, slow
from infra.settings.monitoring import ObjectiveSettings


def function_promises(objectives: ObjectiveSettings, function: pulumi.Input[str]) -> list[Alarm]:
    """What the service promises.

    The handler answers most failures itself, with a status that only the URL's metric counts; `Errors` has those that
    ended the invocation, which through the URL are in both
    (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html,
    https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html). A duration is in milliseconds and leaves a cold
    start out.
    """
    counts = {"ended": "Errors", "answered": "Url5xxCount", "requests": "Invocations"}
    metrics = {short: _of_function(name, "Sum", function) for short, name in counts.items()}
    return [
        slow(objectives, {"duration": _of_function("Duration", "p95", function)}, "duration"),
        failing(objectives, metrics, "100 * MAX([FILL(ended, 0), FILL(answered, 0)]) / requests"),
    ]


def function_conditions(function: pulumi.Input[str], reserved_concurrency: int | None) -> list[Alarm]:
    """What an operator should look at: requests refused, concurrency used up where some is reserved, and silence.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-concurrency.html
    """
    refused = Alarm(
        name="throttled",
        summary="Requests get 429 since no more may run at once; raise reservedConcurrency or the account's limit",
        metrics={"throttled": _of_function("Throttles", "Sum", function)},
        expression="throttled",
        threshold=0,
        periods=5,
        breaching=3,
    )
    found = [refused, silent(_of_function("Invocations", "Sum", function))]
    if reserved_concurrency:
        running = {"running": _of_function("ConcurrentExecutions", "Maximum", function)}
        found.append(full(running, f"100 * running / {reserved_concurrency}", "raise reservedConcurrency"))
    return found


def _of_function(name: str, stat: str, function: pulumi.Input[str]) -> Metric:
    return Metric(namespace="AWS/Lambda", name=name, stat=stat, dimensions={"FunctionName": function})
