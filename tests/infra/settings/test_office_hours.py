import json
from datetime import time
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.messages import line
from infra.settings.office_hours import OfficeHoursSettings


def settings(**changes: object) -> OfficeHoursSettings:
    return OfficeHoursSettings.model_validate_json(json.dumps({"timeZone": "Europe/Berlin", **changes}))


def mistake(**changes: object) -> str:
    with pytest.raises(ValidationError) as refused:
        settings(**changes)
    return "; ".join(line(error, OfficeHoursSettings) for error in refused.value.errors())


def test_office_hours_are_a_long_working_day_where_nothing_else_is_said() -> None:
    hours = settings()

    assert hours.days == ("mon", "tue", "wed", "thu", "fri")
    assert hours.bounds == (time(7), time(19))
    assert hours.zone.key == "Europe/Berlin"


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Argentina/Buenos_Aires", "Etc/UTC", "UTC"])
def test_a_time_zone_is_a_place_or_utc(zone: str) -> None:
    assert settings(timeZone=zone).time_zone == zone


@pytest.mark.parametrize("zone", ["Europe/Bonn", "europe/berlin", "CET", "EST5EDT", "localtime", "Factory", "+02:00"])
def test_what_schedulers_elsewhere_do_not_know_is_no_time_zone(zone: str) -> None:
    told = f"timeZone must be a time zone of the IANA database, such as Europe/Berlin, got {zone}"

    assert mistake(timeZone=zone) == told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"end": "07:00"}, "end must be after start, 07:00, got 07:00; a day's hours end the same day"),
        (
            {"start": "22:00", "end": "06:00"},
            "end must be after start, 22:00, got 06:00; a day's hours end the same day",
        ),
        ({"start": "7:00"}, "start must match ^([01][0-9]|2[0-3]):[0-5][0-9]$, got 7:00"),
        ({"end": "24:00"}, "end must match ^([01][0-9]|2[0-3]):[0-5][0-9]$, got 24:00"),
        ({"days": []}, "days must name at least one day; without any, remove officeHours, got []"),
        ({"days": ["mon", "mon"]}, 'days must name each once, got ["mon", "mon"]'),
        ({"days": ["monday"]}, "days.0 must be one of mon, tue, wed, thu, fri, sat or sun, got monday"),
    ],
)
def test_a_mistake_says_what_to_write(changes: Any, told: str) -> None:
    assert mistake(**changes) == told
