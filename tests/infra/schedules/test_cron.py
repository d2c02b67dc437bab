"""The two dialects of one schedule; no public library evaluates AWS's, so its fields are read by croniter here."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from infra.schedules import aws_cron, unix_cron
from infra.settings.office_hours import Weekday

DAYS = st.lists(st.sampled_from(Weekday), min_size=1, unique=True)
MINUTES = st.times().map(lambda at: at.replace(second=0, microsecond=0))


def five_fields(expression: str) -> str:
    """The classic form of `cron(minutes hours day-of-month month day-of-week year)`, `?` leaving days to the weekday.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
    """
    assert expression.startswith("cron(")
    minute, hour, day, month, weekday, year = expression.removeprefix("cron(").removesuffix(")").split()
    assert (day, year) == ("?", "*")
    return f"{minute} {hour} * {month} {weekday.lower()}"


def within_two_weeks(expression: str, zone: ZoneInfo | None = None, start: date = date(2027, 3, 20)) -> list[datetime]:
    begin = datetime.combine(start, time(), zone)
    steps = croniter(expression, begin - timedelta(seconds=1))
    found: list[datetime] = []
    while (at := steps.get_next(datetime)) < begin + timedelta(days=14):
        found.append(at)
    return found


@given(MINUTES, DAYS)
def test_both_dialects_name_the_same_times_on_the_same_days(at: time, days: list[Weekday]) -> None:
    found = within_two_weeks(unix_cron(at, days))

    assert found == within_two_weeks(five_fields(aws_cron(at, days)))
    assert {each.time() for each in found} == {at}
    assert {each.strftime("%a").lower() for each in found} == set(days)
    assert len(found) == 2 * len(days)


# Both follow the zone: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
# and https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html
@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", date(2027, 3, 28)),
        ("Europe/Berlin", date(2027, 10, 31)),
        ("America/New_York", date(2027, 3, 14)),
        ("America/New_York", date(2027, 11, 7)),
        ("Australia/Lord_Howe", date(2027, 4, 4)),
        ("Australia/Lord_Howe", date(2027, 10, 3)),
    ],
)
def test_a_schedule_of_aws_keeps_its_local_time_on_both_sides_of_a_change(zone: str, change: date) -> None:
    fields = five_fields(aws_cron(time(7), list(Weekday)))
    found = within_two_weeks(fields, ZoneInfo(zone), change - timedelta(days=7))

    assert len(found) == 14
    assert {at.time() for at in found} == {time(7)}
    assert len({at.utcoffset() for at in found}) == 2
