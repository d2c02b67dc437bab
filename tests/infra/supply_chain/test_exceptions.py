import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from infra.supply_chain.exceptions import FILE, ROOT, exceptions, flaws

TODAY = datetime.date(2026, 11, 22)
BORNE: dict[str, Any] = {
    "id": "CVE-2026-0001",
    "purls": ["pkg:deb/debian/libssl3"],
    "statement": "The server starts no TLS connection with it.",
    "expired_at": TODAY,
}


def written(folder: Path, **changes: Any) -> Path:
    entry = {name: value for name, value in {**BORNE, **changes}.items() if value is not None}
    (folder / FILE).write_text(yaml.safe_dump({"vulnerabilities": [entry]}))
    return folder


def test_every_exception_of_this_repository_has_a_reason_and_is_not_over() -> None:
    assert list(flaws(exceptions(), datetime.datetime.now(datetime.UTC).date())) == []


def test_the_scanner_reads_the_file_and_stops_for_what_can_be_mended() -> None:
    gate = yaml.safe_load((ROOT / "trivy.yaml").read_text())

    assert gate["ignorefile"] == FILE
    assert (gate["severity"], gate["exit-code"]) == (["HIGH", "CRITICAL"], 1)
    assert gate["vulnerability"] == {"ignore-unfixed": True}


@pytest.mark.parametrize("field", ["id", "purls", "statement", "expired_at"])
def test_an_exception_says_what_where_why_and_until_when(tmp_path: Path, field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        exceptions(written(tmp_path, **{field: None}))


@pytest.mark.parametrize(("field", "value"), [("statement", "later"), ("id", "anything"), ("purls", [])])
def test_an_exception_that_says_nothing_is_refused(tmp_path: Path, field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        exceptions(written(tmp_path, **{field: value}))


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (TODAY, []),
        (TODAY + datetime.timedelta(days=90), []),
        (TODAY + datetime.timedelta(days=91), ["CVE-2026-0001 is borne with until 2027-02-21: 90 days are the most"]),
        (
            TODAY - datetime.timedelta(days=1),
            ["CVE-2026-0001 was borne with until 2026-11-21: raise the package, or give a new reason and day"],
        ),
    ],
)
def test_an_exception_ends_and_soon(tmp_path: Path, last: datetime.date, expected: list[str]) -> None:
    assert list(flaws(exceptions(written(tmp_path, expired_at=last)), TODAY)) == expected
