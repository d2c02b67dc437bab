import datetime

import pytest
from pydantic import ValidationError

from infra.compatibility.__main__ import main
from infra.compatibility.end_of_life import ending, endings, ends_of_life
from infra.compatibility.pins import EndOfLife, Pin, pins
from infra.versions import kubernetes_versions, pinned

TODAY = datetime.date(2026, 11, 22)
SOURCE = "https://example.com/releases"


def pin(name: str, days: int | None) -> Pin:
    end = EndOfLife(source=SOURCE, none="nobody says") if days is None else EndOfLife(source=SOURCE, date=day(days))
    return Pin(name=name, version="1.2", end_of_life=end)


def day(days: int) -> datetime.date:
    return TODAY + datetime.timedelta(days=days)


def test_pins_are_told_60_days_before_their_end_and_after_it_the_first_to_end_first() -> None:
    among = [pin("later", 61), pin("soon", 60), pin("today", 0), pin("over", -1), pin("never", None)]

    assert [(each.name, each.days) for each in ending(TODAY, among)] == [("over", -1), ("today", 0), ("soon", 60)]


def test_an_end_says_what_when_and_where_it_was_read() -> None:
    over, soon = endings(TODAY, [pin("keda", 12), pin("redis", -3)])

    assert str(over) == f"redis 1.2 ended on 2026-11-19, 3 days ago ({SOURCE})"
    assert str(soon) == f"keda 1.2 ends on 2026-12-04, in 12 days ({SOURCE})"


def test_every_pin_says_until_when_or_why_not() -> None:
    file = pinned()
    clouds = 2

    assert len(list(pins())) == len(kubernetes_versions()) * clouds + sum(
        len(file[section]) for section in ("charts", "images", "bases")
    )


@pytest.mark.parametrize("content", [{}, {"date": "2027-01-01", "none": "nobody says"}])
def test_an_end_is_a_date_or_a_reason(content: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="exactly one of date and none"):
        EndOfLife.model_validate({"source": SOURCE, **content})


def test_the_preview_says_nothing_before_the_first_end_and_names_it_60_days_before() -> None:
    first = endings(TODAY)[0]

    assert list(ends_of_life(first.date - datetime.timedelta(days=61))) == []
    [line] = ends_of_life(first.date - datetime.timedelta(days=60))
    assert line == (
        f"{first.name} {first.version} ends on {first.date}, in 60 days ({first.source}); pin a later one in "
        "infra/versions.yaml"
    )


def test_the_command_lists_every_pin_and_succeeds_while_none_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], datetime.date(2020, 1, 1)) == 0
    printed = capsys.readouterr()

    assert [found for found in pins() if f"{found.name} {found.version} " not in printed.out] == []
    assert printed.err == ""


def test_the_command_fails_on_the_day_after_an_end_and_warns_on_the_day_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = endings(TODAY)[0]

    assert main([], first.date) == 0
    assert capsys.readouterr().err.startswith(f"warning: {first.name} {first.version} ends on {first.date}, in 0 days")
    assert main([], first.date + datetime.timedelta(days=1)) == 1
    assert capsys.readouterr().err.startswith(f"error: {first.name} {first.version} ended on {first.date}, 1 days ago")
