import ast
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import inference_app
from inference_app import logs
from inference_app.logs import Fields, JsonFormatter, RateLimit

METHODS = {"debug", "info", "warning", "error", "critical", "exception", "log"}


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


def test_what_ends_the_process_or_a_thread_is_a_line_of_json_too(capfd: pytest.CaptureFixture[str]) -> None:
    script = """
from inference_app import logs
logs.configure("INFO")
import threading
thread = threading.Thread(target=lambda: [][1])
thread.start()
thread.join()
{}["a"]
"""
    done = subprocess.run([sys.executable, "-c", script], check=False)
    out, err = capfd.readouterr()
    entries = [json.loads(line) for line in out.splitlines()]
    assert (done.returncode, err) == (1, "")
    assert [entry["message"] for entry in entries] == ["a thread failed", "the process failed"]
    assert [entry["exception"].splitlines()[-1].split(":")[0] for entry in entries] == ["IndexError", "KeyError"]


def test_an_outline_of_an_error_says_where_it_was_but_nothing_of_the_values() -> None:
    def stumble() -> None:
        try:
            int("".join(["sec", "ret"]))
        except ValueError as error:
            raise KeyError("hidden " + "value") from error

    with pytest.raises(KeyError) as caught:
        stumble()
    outline = logs.outline(caught.value)
    assert "secret" not in outline
    assert "hidden value" not in outline
    assert outline.index("ValueError") < outline.index("led to") < outline.rindex("KeyError")
    assert outline.count("in stumble") == 2


def test_every_line_uses_the_names_of_one_list() -> None:
    found = {key: where for where, key in fields_in_use()}
    unknown = {key: where for key, where in found.items() if key not in Fields.__annotations__}
    assert unknown == {}
    assert len(found) > 20


def test_no_name_of_the_list_is_out_of_use() -> None:
    by_the_log_itself = {"left_out", "worker"}
    assert set(Fields.__annotations__) - {key for _, key in fields_in_use()} <= by_the_log_itself


def test_no_name_of_the_list_is_one_that_every_line_has() -> None:
    taken = vars(logging.makeLogRecord({})).keys() | {"time", "level", "logger", "message"}
    assert not taken & Fields.__annotations__.keys()


def fields_in_use() -> Iterator[tuple[str, str]]:
    """Place and name of every field of every log call in the server."""
    for path in Path(inference_app.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                for keyword in node.keywords:
                    if keyword.arg == "extra":
                        yield from ((f"{path.name}:{node.lineno}", key) for key in keys(keyword.value, tree))


def keys(extra: ast.expr, tree: ast.AST) -> set[str]:
    """Those of a dict, or of all that the module puts into a variable of that name."""
    if isinstance(extra, ast.Name):
        return put_into(extra.id, tree)
    assert isinstance(extra, ast.Dict), ast.unparse(extra)
    return {ast.literal_eval(key) for key in extra.keys if key is not None}


def put_into(name: str, tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found |= keys(node.value, tree) if ast.unparse(target) == name else set()
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == name:
            found.add(ast.literal_eval(node.slice))
    assert found, f"where does {name} come from?"
    return found
