"""How many machines stand at least, on average over a week with office hours."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from infra.machines import SCALABLE_TARGET, Machines
from infra.preview.plan import Plan
from infra.settings.office_hours import OfficeHoursSettings

WEEK = 168
"""Hours of a week."""


def weekly(hours: OfficeHoursSettings) -> float:
    """Office hours in a week."""
    start, end = (datetime.combine(datetime.min, bound) for bound in hours.bounds)
    return len(hours.days) * ((end - start) / timedelta(hours=1))


def quiet_minimums(plan: Plan) -> Mapping[str, int]:
    """The fewest machines outside office hours, by the name of the pool or endpoint that has a schedule."""
    targets = {target.inputs["resourceId"]: target.name for target in plan.of_type(SCALABLE_TARGET)}
    found: dict[str, int] = {}
    for action in plan.of_type("aws:appautoscaling/scheduledAction:ScheduledAction"):
        least = action.inputs["scalableTargetAction"]["minCapacity"]
        _lower(found, targets.get(action.inputs["resourceId"], ""), least)
    for schedule in plan.of_type("aws:scheduler/schedule:Schedule"):
        wanted = json.loads(schedule.inputs["target"]["input"])
        if "ScalingConfig" in wanted:
            group = wanted["NodegroupName"].removeprefix("${").partition(".")[0]
            _lower(found, group, wanted["ScalingConfig"]["MinSize"])
    return found


def average_minimum(found: Machines, quiet: Mapping[str, int], hours: OfficeHoursSettings | None) -> float:
    """The fewest machines, weighed by how long that holds in a week."""
    if hours is None or found.name not in quiet:
        return found.minimum
    share = weekly(hours) / WEEK
    return found.minimum * share + quiet[found.name] * (1 - share)


def _lower(found: dict[str, int], name: str, least: int) -> None:
    found[name] = min(least, found.get(name, least))
