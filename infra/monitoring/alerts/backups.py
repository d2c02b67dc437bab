"""Alerts on backups that are not made, from kube-state-metrics."""

from infra.monitoring.alerts.alert import Alert, RuleSet, Severity
from infra.monitoring.alerts.watched import matchers

# https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/workload/cronjob-metrics.md
LAST_START = "kube_cronjob_status_last_schedule_time"
LAST_SUCCESS = "kube_cronjob_status_last_successful_time"
CREATED = "kube_cronjob_created"
NEXT_START = "kube_cronjob_next_schedule_time"


def backups(namespace: str, cron_job: str) -> RuleSet:
    """What is judged of a namespace's backups, however often they are to be made."""
    labels = {"namespace": namespace}
    selected = matchers({**labels, "cronjob": cron_job})
    # A CronJob that has never succeeded tells no time of it.
    good = f"max({LAST_SUCCESS}{{{selected}}} or {CREATED}{{{selected}}})"
    failed = Alert(
        name="BackupFailed",
        value=f"(max({LAST_START}{{{selected}}}) - {good})",
        condition="> 0",
        minutes=7 * 60,  # more than a Job's deadline
        severity=Severity.WARNING,
        summary="The last backup did not succeed",
        first="The last good one is {{ $value | humanizeDuration }} older. Look at the Job's events and logs.",
    )
    late = Alert(
        name="BackupNotStarted",
        value=f"(time() - max({NEXT_START}{{{selected}}}))",
        condition="> 3600",
        minutes=15,
        severity=Severity.WARNING,
        summary="A backup should have begun and did not",
        first="It is {{ $value | humanizeDuration }} late. Look at the CronJob's events and the namespace's quota.",
    )
    return RuleSet(name="backups", labels=labels, recordings=[], alerts=[failed, late])
