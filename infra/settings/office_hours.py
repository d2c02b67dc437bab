"""The `officeHours` block: when people are there."""

from datetime import time
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator

from infra.settings.model import Settings, distinct


class Weekday(StrEnum):
    """Days of the week, as cron names them."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


def _known(name: str) -> str:
    # The database also has old abbreviations and this machine's own zone, which others read otherwise or refuse.
    is_place = "/" in name or name == "UTC"
    if not is_place or name not in available_timezones():
        raise ValueError("must be a time zone of the IANA database, such as Europe/Berlin")
    return name


def _some(days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
    if not days:
        raise ValueError("must name at least one day; without any, remove officeHours")
    return days


TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class OfficeHoursSettings(Settings):
    """The hours in which every target has its usual least; outside it falls to `minOutsideOfficeHours`, where set."""

    time_zone: Annotated[str, AfterValidator(_known)]
    """Time zone by its canonical IANA name, such as `Europe/Berlin`; daylight saving is followed."""
    days: Annotated[tuple[Weekday, ...], AfterValidator(_some), AfterValidator(distinct)] = tuple(Weekday)[:5]
    """Days of the week, `mon` to `sun`."""
    start: TimeOfDay = "07:00"
    """When they begin, local time in quotes; servers are back some minutes later."""
    end: TimeOfDay = "19:00"
    """When they end, the same day. A time that a change of the clocks skips or repeats may not count on that day."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"end must be after start, {self.start}, got {self.end}; a day's hours end the same day")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone's rules."""
        return ZoneInfo(self.time_zone)

    @property
    def bounds(self) -> tuple[time, time]:
        """Start and end as times of day."""
        return time.fromisoformat(self.start), time.fromisoformat(self.end)
