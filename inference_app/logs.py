"""JSON logs, one object a line; request and response bodies never appear in them."""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

WINDOW_SECONDS = 10
LINES_PER_WINDOW = 10
"""Lines of one kind; an overloaded server must not spend its time, and its operator's disk, on saying so."""
MAX_KINDS = 1000
"""Kept in mind at once; a message that is no template makes a kind of every line."""


class JsonFormatter(logging.Formatter):
    """Time (RFC 3339, UTC), level, logger and message, then the `extra` fields, then the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class Kind(NamedTuple):
    """What makes lines of one kind: logger, level, message template, and route and status where they have them."""

    logger: str
    level: int
    template: str
    route: object
    status: object


class Lines:
    """Lines of one kind in one window of time."""

    __slots__ = ("left_out", "passed", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.passed = self.left_out = 0


class RateLimit(logging.Filter):
    """Lets few lines of a kind through per window; the next window's first says in `left_out` how many were not."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[Kind, Lines] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record shall be logged."""
        fields, window = vars(record), int(record.created // WINDOW_SECONDS)
        kind = Kind(record.name, record.levelno, str(record.msg), fields.get("route"), fields.get("status"))
        lines = self._lines.get(kind)
        if lines is None or lines.window != window:
            if lines is not None and lines.left_out:
                record.left_out = lines.left_out
            lines = self._start(kind, window)
        if lines.passed >= LINES_PER_WINDOW:
            lines.left_out += 1
            return False
        lines.passed += 1
        return True

    def _start(self, kind: Kind, window: int) -> Lines:
        if len(self._lines) >= MAX_KINDS:
            self._lines.clear()
        lines = self._lines[kind] = Lines(window)
        return lines


def configure(level: str) -> None:
    """Send every logger's records from `level` up to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(RateLimit())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # uvicorn repeats at INFO what `server` tells; its access log would cost a line per request.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True


def name_worker(number: int) -> None:
    """Put the worker's number into every line that this process logs."""
    make = logging.getLogRecordFactory()

    def numbered(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.worker = number
        return record

    logging.setLogRecordFactory(numbered)
