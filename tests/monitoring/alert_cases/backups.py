"""Backups that failed, or were not begun."""

from collections.abc import Mapping

from tests.monitoring.alert_cases.case import HOUR, Case, Fired, Stack

CRON_JOB = '{namespace="mlflow",cronjob="backup"}'


def told(**seconds: str) -> Mapping[str, str]:
    """What kube-state-metrics tells of the CronJob, by the end of the metric's name; promtool's time begins at 0."""
    return {f"kube_cronjob_{name}{CRON_JOB}": values for name, values in seconds.items()}


def ran(start: str, success: str | None) -> Mapping[str, str]:
    good = {"status_last_successful_time": success} if success else {}
    return told(created="50x1000", status_last_schedule_time=start, **good)


# fmt: off
CASES = [
    Case(alert="BackupFailed", what="the last one failed", given=ran("600x1000", "300x1000"), after=8 * HOUR,
         stack=Stack.BACKUPS, fires=(Fired(value="5m 0s"),)),
    Case(alert="BackupFailed", what="none ever succeeded", given=ran("600x1000", None), after=8 * HOUR,
         stack=Stack.BACKUPS, fires=(Fired(value="9m 10s"),)),
    Case(alert="BackupFailed", what="the last one succeeded", given=ran("300x1000", "600x1000"), after=8 * HOUR,
         stack=Stack.BACKUPS),
    Case(alert="BackupFailed", what="one still runs", given=ran("600x1000", "300x1000"), after=6 * HOUR,
         stack=Stack.BACKUPS),
    Case(alert="BackupFailed", what="the next one succeeded", given=ran("600x1000", "300x200 900x800"),
         after=8 * HOUR, stack=Stack.BACKUPS),
    Case(alert="BackupNotStarted", what="nearly two hours late", given=told(next_schedule_time="600x1000"), after=130,
         stack=Stack.BACKUPS, fires=(Fired(value="1h 50m 0s"),)),
    Case(alert="BackupNotStarted", what="half an hour late", given=told(next_schedule_time="600x1000"), after=40,
         stack=Stack.BACKUPS),
    Case(alert="BackupNotStarted", what="tomorrow", given=told(next_schedule_time="86400x1000"), after=130,
         stack=Stack.BACKUPS),
]
# fmt: on
