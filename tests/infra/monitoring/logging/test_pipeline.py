"""The parser and the server's lines, held together without Fluent Bit; tests/monitoring/test_logs.py runs it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from infra.monitoring.logging.pipeline import TIME_FORMAT, TIME_KEY, configuration, parser
from tests.monitoring import server_lines

pytestmark = pytest.mark.slow

LEVELS = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [*server_lines.written(tmp_path_factory.mktemp("life")), *server_lines.made_up()]


def time_of(line: str) -> datetime:
    """As Fluent Bit reads it; its `%L` is a fraction of a second, Python's `%f`."""
    return datetime.strptime(json.loads(line)[TIME_KEY], TIME_FORMAT.replace("%L", "%f"))


def test_every_line_of_the_server_is_one_object_with_level_and_message(lines: list[str]) -> None:
    entries = [json.loads(line) for line in lines]

    assert {entry["level"] for entry in entries} <= LEVELS
    assert all(isinstance(entry["message"], str) for entry in entries)


def test_the_parsers_format_reads_the_time_of_every_line_to_the_microsecond(lines: list[str]) -> None:
    assert (parser()["time_key"], parser()["time_format"]) == (TIME_KEY, TIME_FORMAT)
    assert {time_of(line).utcoffset() for line in lines} == {timedelta(0)}


def test_no_field_is_lost_to_a_filter(lines: list[str]) -> None:
    """Filters take these away, or give them a meaning of their own."""
    assert not {key for line in lines for key in json.loads(line)} & {"log", "kubernetes", "stream"}


def test_the_file_says_what_to_do_with_what_is_no_json() -> None:
    filters = configuration({"name": "null"})["pipeline"]["filters"]

    assert [each["rename"] for each in filters if each["name"] == "modify"] == ["log message"]


def test_what_a_scene_shows_is_all_there(lines: list[str]) -> None:
    entries = [json.loads(line) for line in lines]
    messages = {entry["message"] for entry in entries}

    assert messages >= {"ready", "listening", "switched", "failed", "draining", "stopped"}
    assert {"worker", "exception", "trace_id", "duration_seconds"} <= {key for entry in entries for key in entry}


def test_pieces_are_those_of_containerd() -> None:
    (line, *_), at = server_lines.made_up(), datetime(2026, 1, 1, tzinfo=UTC)
    pieces = [piece.split(" ", 3) for piece in server_lines.kept([line], at).splitlines()]

    assert "".join(text for *_, text in pieces) == line
    assert [mark for _, _, mark, _ in pieces] == ["P"] * (len(pieces) - 1) + ["F"]
    assert max(len(text.encode()) for *_, text in pieces) <= server_lines.PIECE
