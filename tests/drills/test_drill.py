"""What the drills conclude from their requests."""

import pytest

from tests.drills.__main__ import DRILLS, main, table
from tests.drills.client import Load, Request
from tests.drills.drill import PASSED, Change, Drill, flaws, p99
from tests.drills.stopping import VICTIM, kill_flaws

GONE_AT = 10.0


def request(sent_at: float = 1.0, status: int | None = 200, server: str = VICTIM, seconds: float = 0.1) -> Request:
    return Request(sent_at=sent_at, seconds=seconds, status=status, version="1", server=server)


LOST = request(9.9, None, server="")


def test_what_is_neither_answered_nor_allowed_is_a_flaw() -> None:
    broken = Request(sent_at=1, seconds=1, fault="reset")
    misanswered = Request(sent_at=1, seconds=1, status=200)
    refused = Request(sent_at=1, seconds=1, status=429, can_retry_after=True)
    requests = [request(), broken, broken, misanswered, refused, request(status=502)]
    found = ["2 lost (reset)", "1 misanswered (200)", "1 refused (429)", "1 lost (502)"]
    assert flaws(requests) == found
    assert flaws(requests, refused.outcome) == [flaw for flaw in found if "refused" not in flaw]


def test_requests_belong_to_the_time_before_during_or_after_the_change() -> None:
    requests = [request(1, seconds=1), request(2.5, seconds=2), request(3.5, seconds=3), request(4, seconds=4)]
    figures = Drill(name="it", requests=requests, began=3, ended=4).figures()
    assert [figures[f"p99 {phase}"] for phase in ("before", "during", "after")] == [1000, 3000, 4000]


def test_p99_is_the_slowest_of_few_and_the_last_but_one_in_a_hundred_of_many() -> None:
    assert p99([]) is None
    assert p99([request(seconds=1), request(seconds=2)]) == 2000
    assert p99([request(seconds=number / 1000) for number in range(1, 201)]) == 198


def test_an_old_version_that_answers_after_the_change_is_a_flaw() -> None:
    change = Change(load := Load("http://127.0.0.1:1", []))
    change.began, change.ended = 1, 2
    load.requests += [request(1.5), request(2.5)]
    assert change.stale("1") == []
    assert change.stale("2") == ["version 1 answered after the change"]


@pytest.mark.parametrize(
    ("requests", "flaw"),
    [
        ([LOST], None),
        ([LOST, request(10.1, 503)], None),
        ([request()], "0 lost"),
        ([LOST] * 17, "17 lost"),
        ([LOST, request(9, 502, server="server2")], "requests to server2 failed too"),
        ([LOST, request(9, 500)], "1 got an error that no client would retry"),
        ([LOST, request(12, 503)], "1 lost when the proxy must have noticed"),
    ],
)
def test_a_killed_server_may_cost_what_was_in_flight_there_and_no_more(
    requests: list[Request], flaw: str | None
) -> None:
    found = kill_flaws(requests, GONE_AT)
    assert (len(found), found[0].startswith(flaw)) == (1, True) if flaw else found == []


def test_the_table_has_a_line_for_each_drill_and_numbers_to_the_right() -> None:
    rows = [{"drill": "a", "sent": 1000, "verdict": PASSED}, {"drill": "longer", "sent": 7, "verdict": "1 lost (502)"}]
    assert table(rows).splitlines() == [
        "drill   sent  verdict",
        "a       1000  passed",
        "longer     7  1 lost (502)",
    ]


def test_an_unknown_drill_is_one_line_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lost-pot"]) == 2
    assert capsys.readouterr().err == f"no drill lost-pot; the drills are {', '.join(DRILLS)}\n"
