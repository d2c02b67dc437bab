import os
import random
import signal

import pytest

from inference_app.scoreboard import HALF_BYTES, Scoreboard


def test_a_slot_says_what_was_written_last() -> None:
    board = Scoreboard(2)
    said = [board.read(1)]
    for content in (b"first", b"second, longer", b"3"):
        board.write(1, content)
        said.append(board.read(1))
    assert said == [b"", b"first", b"second, longer", b"3"]
    assert board.read(0) == b""


def test_a_slot_holds_no_more_than_its_own_bytes() -> None:
    board = Scoreboard(2)
    board.write(1, b"neighbour")
    with pytest.raises(ValueError, match="a slot has"):
        board.write(0, bytes(HALF_BYTES))
    assert (board.read(0), board.read(1)) == (b"", b"neighbour")


def test_a_reader_never_sees_half_of_what_another_process_writes() -> None:
    board = Scoreboard(1)
    board.write(0, b"a" * 50_000)
    writer = os.fork()
    if not writer:
        write_for_ever(board)
    read = [board.read(0) for _ in range(2000)]
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    read.append(board.read(0))
    assert len(set(read)) > 2
    assert all(content == content[:1] * len(content) for content in read)


def write_for_ever(board: Scoreboard) -> None:
    """Texts of one letter each, of any length."""
    try:
        while True:
            board.write(0, random.choice(b"abc").to_bytes() * random.randint(1, 50_000))
    finally:
        os._exit(1)
