"""Office hours on both sides of a change of the clocks, by the cron library that KEDA itself uses."""

import shutil
import subprocess
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from infra.serving.autoscaling import cron_metadata
from infra.settings.office_hours import OfficeHoursSettings, Weekday

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parent / "files" / "keda_cron"


@pytest.fixture(scope="session")
def keda_cron(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in `files/keda_cron`, built."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not on PATH: install it (https://go.dev/doc/install, or Debian's golang) and run this again")
    program = tmp_path_factory.mktemp("go") / "keda_cron"
    subprocess.run([go, "build", "-o", program, "."], cwd=PROGRAM, check=True, timeout=100)
    return program


def every_day(zone: str, start: str = "07:00", end: str = "19:00") -> OfficeHoursSettings:
    hours = {"timeZone": zone, "days": list(Weekday), "start": start, "end": end}
    return OfficeHoursSettings.model_validate(hours, strict=False)


def seen(program: Path, hours: OfficeHoursSettings, day: date) -> list[tuple[str, datetime]]:
    """How the scaler's state changes from two days before `day` to two days after it, in local time."""
    noon = datetime.combine(day, time(12), UTC)
    bounds = [(noon + days * timedelta(days=1)).isoformat() for days in (-2, 2)]
    metadata = cron_metadata(hours, 1)
    arguments = [metadata["start"], metadata["end"], metadata["timezone"], *bounds]
    done = subprocess.run([program, *arguments], check=True, capture_output=True, text=True, timeout=60)
    first, *changes = (line.split() for line in done.stdout.splitlines())
    assert first[1] == bounds[0].replace("+00:00", "Z")
    return [(state, datetime.fromisoformat(at).astimezone(hours.zone)) for state, at in changes]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", date(2027, 3, 28)),
        ("Europe/Berlin", date(2027, 10, 31)),
        ("America/New_York", date(2027, 3, 14)),
        ("America/New_York", date(2027, 11, 7)),
        ("Australia/Lord_Howe", date(2027, 4, 4)),  # its clocks change by half an hour
        ("Australia/Lord_Howe", date(2027, 10, 3)),
        ("America/Santiago", date(2027, 9, 5)),  # its clocks change at midnight
        ("Asia/Kolkata", date(2027, 3, 28)),
    ],
)
def test_hours_begin_and_end_at_their_local_time_on_both_sides_of_a_change(
    keda_cron: Path, zone: str, day: date
) -> None:
    changes = seen(keda_cron, every_day(zone), day)
    begins = [at for state, at in changes if state == "on"]
    ends = [at for state, at in changes if state == "off"]
    offsets = {at.utcoffset() for at in begins}

    assert {at.time() for at in begins} == {time(7)}
    assert {at.time() for at in ends} == {time(19)}
    assert {day + timedelta(days=days) for days in (-1, 0, 1)} <= {at.date() for at in begins}
    assert len(offsets) == (1 if zone == "Asia/Kolkata" else 2), "the days are on both sides of a change"


def test_hours_are_those_of_their_days_only(keda_cron: Path) -> None:
    hours = OfficeHoursSettings.model_validate({"timeZone": "Europe/Berlin", "days": ["fri", "mon"]}, strict=False)
    berlin = ZoneInfo("Europe/Berlin")

    assert seen(keda_cron, hours, date(2027, 3, 28)) == [
        ("off", datetime(2027, 3, 26, 19, tzinfo=berlin)),
        ("on", datetime(2027, 3, 29, 7, tzinfo=berlin)),
        ("off", datetime(2027, 3, 29, 19, tzinfo=berlin)),
    ]


def on_the_day(changes: list[tuple[str, datetime]], day: date) -> list[tuple[str, str]]:
    return [(state, f"{at:%H:%M%z}") for state, at in changes if at.date() == day]


def test_a_start_that_the_clocks_skip_leaves_the_hours_of_the_day_before_on_until_the_end(keda_cron: Path) -> None:
    changes = seen(keda_cron, every_day("Europe/Berlin", "02:30", "12:00"), date(2027, 3, 28))

    assert on_the_day(changes, date(2027, 3, 27)) == [("on", "02:30+0100")]
    assert on_the_day(changes, date(2027, 3, 28)) == [("off", "12:00+0200")]


def test_an_end_that_the_clocks_skip_takes_the_hours_of_its_day_away(keda_cron: Path) -> None:
    changes = seen(keda_cron, every_day("Europe/Berlin", "01:00", "02:30"), date(2027, 3, 28))

    assert on_the_day(changes, date(2027, 3, 28)) == []
    assert on_the_day(changes, date(2027, 3, 29)) == [("on", "01:00+0200"), ("off", "02:30+0200")]


def test_a_start_or_end_that_comes_twice_counts_the_second_time(keda_cron: Path) -> None:
    day = date(2027, 10, 31)
    start = seen(keda_cron, every_day("Europe/Berlin", "02:30", "12:00"), day)
    end = seen(keda_cron, every_day("Europe/Berlin", "01:00", "02:30"), day)

    assert on_the_day(start, day) == [("on", "02:30+0100"), ("off", "12:00+0100")]
    assert on_the_day(end, day) == [("on", "01:00+0200"), ("off", "02:30+0100")]
