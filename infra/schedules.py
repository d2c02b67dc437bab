"""Cron expressions, in the dialects of those who run them.

All follow the time zone's changes of the clocks. They differ in a time that a change skips or repeats: AWS leaves a
skipped one out and runs a repeated one once
(https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time). KEDA asks, again and
again, whether the next end comes before the next start: a skipped start leaves the hours of the day before on, a
skipped end takes those of its day away, and of a repeated one the second counts.
"""

from collections.abc import Sequence
from datetime import time

from infra.settings.office_hours import Weekday


def aws_cron(at: time, days: Sequence[Weekday]) -> str:
    """For EventBridge Scheduler and Application Auto Scaling, which take the time zone beside it.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
    """
    return f"cron({at.minute} {at.hour} ? * {','.join(day.upper() for day in days)} *)"


def unix_cron(at: time, days: Sequence[Weekday]) -> str:
    """For KEDA's cron scaler, which takes the time zone beside it (https://keda.sh/docs/latest/scalers/cron/)."""
    return f"{at.minute} {at.hour} * * {','.join(days)}"
