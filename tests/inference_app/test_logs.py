import json
import logging

from inference_app.logs import JsonFormatter


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
