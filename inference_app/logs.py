"""JSON logs, one object a line; nothing that a client sent appears in them: no body, header, query or unknown name.

Every line has `time` (RFC 3339, UTC, microseconds), `level`, `logger` and `message`, and of `Fields` those that apply.
A traceback is one text in `exception`, newlines escaped; ONNX Runtime's words on a call that failed, which name nodes,
shapes and at most an index, are kept in it. A line that says that a request failed (`message` is `failed`)
has `route`, `status`, `reason` and `duration_seconds`, with `model` and `version` where it came as far as a model, and
`trace_id` where it was sampled. Requests that the server answered as it should have no line: metrics count them.

Not JSON are: what is wrong with the settings, before any line, and what native libraries and the interpreter itself
write to standard error when they crash.
"""

import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, NamedTuple, TypedDict

import orjson

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}

WINDOW_SECONDS = 10
LINES_PER_WINDOW = 10
"""Lines of one kind; an overloaded server must not spend its time, and its operator's disk, on saying so."""
MAX_KINDS = 1000
"""Kept in mind at once; a message that is no template makes a kind of every line."""


class Fields(TypedDict, total=False):
    """What a line may say beside its time, level, logger and message; a name means the same on every line."""

    trace_id: str
    """Of a sampled request, in hexadecimal."""
    route: str
    """The path's template, or `grpc/<method>`."""
    status: int
    """An answer's HTTP status; of a worker that died, its exit status."""
    reason: str
    """Why it is so, for a person."""
    duration_seconds: float
    """How long it took, or lasts."""
    model: str
    version: str
    previous: str
    """The version that was served before."""
    execution_provider: str
    state: str
    """Of a model that is not ready."""
    settings: dict[str, Any]
    """Those that a model's tuning sets."""
    host: str
    port: int
    worker: int
    """Its number; on every line of a worker."""
    times: int
    url: str
    """Of a model's source."""
    size_bytes: int
    total_bytes: int
    pulled: list[str]
    """Paths in a model's source."""
    folder: str
    files: list[str]
    exception: str
    """A traceback."""
    left_out: int
    """Lines of this kind that were not logged since the last one, because they were too many."""


class JsonFormatter(logging.Formatter):
    """Time (RFC 3339, UTC), level, logger and message, then the `extra` fields, then the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        line: dict[str, Any] = {
            # Whole seconds too have their fraction, for whoever parses one format.
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
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


def outline(error: BaseException) -> str:
    """A traceback without what the exceptions say: Python's own quote the value that they stumble on."""
    lines = [*traceback.format_tb(error.__traceback__), type(error).__qualname__]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is None:
        return "".join(lines)
    return "".join((*traceback.format_tb(cause.__traceback__), type(cause).__qualname__, "\n\nled to\n\n", *lines))


def configure(level: str) -> None:
    """Send every logger's records from `level` up to standard output, and whatever ends a thread or the process."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(RateLimit())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # uvicorn repeats at INFO what `server` tells; its access log would cost a line per request.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_outlined)  # what an application raises may quote a request
    logging.getLogger("uvicorn.access").disabled = True
    sys.excepthook = _die
    threading.excepthook = _lose


def name_worker(number: int) -> None:
    """Put the worker's number into every line that this process logs."""
    make = logging.getLogRecordFactory()

    def numbered(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        record.worker = number
        return record

    logging.setLogRecordFactory(numbered)


def _outlined(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1]:
        record.exception = outline(record.exc_info[1])
        record.exc_info = None
    return True


def _die(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    logging.getLogger("inference_app").critical("the process failed", exc_info=(kind, error, at))


def _lose(lost: threading.ExceptHookArgs) -> None:
    logging.getLogger("inference_app").error("a thread failed", exc_info=lost.exc_value)
