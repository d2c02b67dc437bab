import json
import logging
import subprocess
import sys

import pytest

from inference_app import logs
from inference_app.logs import JsonFormatter, RateLimit


def formatted(record: logging.LogRecord) -> dict[str, object]:
    line = JsonFormatter().format(record)
    assert "\n" not in line
    return json.loads(line)


def test_a_record_becomes_one_line_of_json_with_its_extra_fields() -> None:
    record = logging.makeLogRecord({"name": "a", "levelname": "INFO", "msg": "%s said\nhi", "args": ("b",), "port": 80})
    entry = formatted(record)
    assert str(entry.pop("time")).endswith("+00:00")
    assert entry == {"level": "INFO", "logger": "a", "message": "b said\nhi", "port": 80}


def test_a_traceback_stays_on_the_line() -> None:
    error = ValueError("wrong")
    record = logging.makeLogRecord({"msg": "failed", "exc_info": (ValueError, error, None)})
    assert "ValueError: wrong" in str(formatted(record)["exception"])


def test_what_json_cannot_hold_is_logged_as_text() -> None:
    assert formatted(logging.makeLogRecord({"msg": "x", "thing": {1}}))["thing"] == "{1}"


def passed(limit: RateLimit, count: int, at: float = 0, **fields: object) -> list[logging.LogRecord]:
    """Those of `count` equal records at a time that the limit lets through."""
    records = [logging.makeLogRecord({"msg": "refused", "created": at, **fields}) for _ in range(count)]
    return [record for record in records if limit.filter(record)]


def test_a_flood_of_one_kind_is_cut_and_the_next_window_tells_how_many_were_left_out() -> None:
    limit = RateLimit()
    flood = passed(limit, 1000, at=5)
    later = passed(limit, 2, at=5 + logs.WINDOW_SECONDS)
    assert len(flood) == logs.LINES_PER_WINDOW
    assert [vars(record).get("left_out") for record in later] == [1000 - logs.LINES_PER_WINDOW, None]


def test_a_flood_hides_no_line_of_another_kind() -> None:
    limit = RateLimit()
    passed(limit, 1000, route="/predict", status=503)
    others = [
        passed(limit, 1, route="/predict", status=500),
        passed(limit, 1, route="/v2", status=503),
        passed(limit, 1, route="/predict", status=503, msg="stopped"),
        passed(limit, 1, route="/predict", status=503, levelno=logging.ERROR),
        passed(limit, 1, route="/predict", status=503, name="other"),
    ]
    assert [len(records) for records in others] == [1] * 5


def test_messages_that_are_all_different_do_not_pile_up() -> None:
    limit = RateLimit()
    for number in range(3 * logs.MAX_KINDS):
        passed(limit, 1, msg=f"message {number}")
    assert len(limit._lines) <= logs.MAX_KINDS  # pyright: ignore[reportPrivateUsage] - memory is the point


def test_warnings_of_libraries_are_lines_of_json_too(capfd: pytest.CaptureFixture[str]) -> None:
    script = "from inference_app import logs; logs.configure('INFO'); import warnings; warnings.warn('old')"
    subprocess.run([sys.executable, "-c", script], check=True)
    (line,) = capfd.readouterr().out.splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["logger"]) == ("WARNING", "py.warnings")
    assert "old" in entry["message"]
