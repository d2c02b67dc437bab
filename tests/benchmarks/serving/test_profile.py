from benchmarks.serving.cases import Case, ModelName, Payload
from benchmarks.serving.profile import render, shares
from benchmarks.serving.wrk import Load

STACKS = ["main;parse 3", "main;parse;parse 1", "main;write 4", "main 2"]


def test_a_line_s_own_samples_are_those_it_was_innermost_in() -> None:
    own, _, count = shares(STACKS)
    assert own == [("parse", 4), ("write", 4), ("main", 2)]
    assert count == 10


def test_a_line_that_recurs_counts_once_a_stack() -> None:
    _, total, _ = shares(STACKS)
    assert total == {"main": 10, "parse": 4, "write": 4}


def test_the_profile_is_a_table_of_shares() -> None:
    load = Load(per_second=1234.5, p50_ms=1, p99_ms=2, errors=0)
    page = render(Case(ModelName.TINY, Payload.JSON, 64), load, STACKS)
    assert "1,234 requests/s while 10 samples" in page
    assert "| `main` | 20.0 % | 100.0 % |" in page
