"""When something runs by itself: cron's five fields."""

import re
from typing import Annotated

from pydantic import AfterValidator

# https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
_PART = re.compile(r"(\*|[0-9]+(-[0-9]+)?)(/[1-9][0-9]*)?")
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def _cron(schedule: str) -> str:
    fields = [field.split(",") for field in schedule.split(" ")]
    if len(fields) != len(_BOUNDS) or not all(
        _in_bounds(part, *bounds) for parts, bounds in zip(fields, _BOUNDS, strict=True) for part in parts
    ):
        raise ValueError('must be minute, hour, day, month and weekday in figures, as "0 3 * * 1"')
    return schedule


def _in_bounds(part: str, least: int, most: int) -> bool:
    if not _PART.fullmatch(part):
        return False
    times, _, _ = part.partition("/")
    numbers = [int(number) for number in times.split("-") if number != "*"]
    return numbers == sorted(numbers) and all(least <= number <= most for number in numbers)


CronSchedule = Annotated[str, AfterValidator(_cron)]
