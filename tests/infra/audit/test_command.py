from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.audit.leftover import Leftover
from infra.audit.report import age
from tests.infra.audit.conftest import Audit, put_stack

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_stack_without_a_cloud_left_nothing_there(checkout: Path, audit: Audit) -> None:
    put_stack(checkout, "  p:local: {}\n")

    run = audit()

    assert (run.code, run.out) == (0, "p-dev: nothing left\n")


def test_an_unknown_stack_is_one_line(audit: Audit) -> None:
    run = audit("--stack", "live")

    assert (run.code, run.out) == (2, "")
    assert run.err.startswith("error: no stack 'live'")


def test_a_block_that_is_wrong_is_one_line(checkout: Path, audit: Audit) -> None:
    put_stack(checkout, "  p:aws: {region: eu-west-1, accountId: '1'}\n")

    run = audit()

    assert (run.code, run.out) == (2, "")
    assert run.err == "error: Pulumi.dev.yaml: p:aws.accountId must match ^[0-9]{12}$, got 1\n"


def test_a_state_that_cannot_be_read_is_no_empty_state(checkout: Path, audit: Audit) -> None:
    put_stack(checkout, "  p:local: {}\n")

    run = audit(pulumi="echo 'error: the backend does not answer' >&2; exit 255")

    assert (run.code, run.out) == (2, "")
    assert run.err == "error: `stack export --stack dev`: the backend does not answer\n"


@pytest.mark.parametrize(
    ("since", "said"),
    [
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=2), "2 days"),
    ],
)
def test_an_age_is_said_in_its_largest_unit(since: timedelta, said: str) -> None:
    assert age(Leftover(kind="k", name="n", reason="r", remove="c", created=NOW - since), NOW) == said


def test_a_cloud_that_tells_no_age_is_not_guessed_at() -> None:
    assert age(Leftover(kind="k", name="n", reason="r", remove="c"), NOW) == "-"
