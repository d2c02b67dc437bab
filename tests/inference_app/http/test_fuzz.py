"""Random bytes and mutilated requests against the whole front end: no hang, no crash, nothing left behind."""

import random
import socket

import pytest

from tests.inference_app.http.stage import Stage, on_stage
from tests.inference_app.http.test_messages import MALFORMED, WELL_FORMED
from tests.inference_app.http.wire import HEALTH, Wire, post

ROUNDS = 400
SEEDS = [*MALFORMED.values(), *WELL_FORMED.values(), HEALTH, post("/elsewhere", b"abc")]
LINES = [b"Content-Length: 9\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Upgrade: h2c\r\n"]
DELICATE = [b"\r\n", b"\r\n\r\n", b"\0", b" ", b":", b"0\r\n\r\n", *LINES]


def mutilated(dice: random.Random) -> bytes:
    """Some requests behind one another, with a few bytes changed, cut, doubled or put in."""
    stream = bytearray(b"".join(dice.choices(SEEDS, k=dice.randint(1, 4))))
    for _ in range(dice.randint(0, 6)):
        at, length = dice.randint(0, len(stream)), dice.randint(1, 20)
        piece = bytes(stream[at : at + length])
        replacement = dice.choice([b"", dice.randbytes(length), piece, dice.choice(DELICATE)])
        stream[at : at + dice.choice([0, length])] = replacement
    return bytes(stream)


def send(wire: Wire, stream: bytes, dice: random.Random) -> bytes:
    """What comes back for a stream sent in pieces of random sizes, when it is over or the server has had enough."""
    try:
        while stream:
            size = dice.choice([1, 10, 100, 10_000])
            wire.send(stream[:size])
            stream = stream[size:]
        wire.end()
    except OSError:
        pass
    try:
        return wire.rest()
    except ConnectionResetError:
        return b""


def is_sane(stage: Stage) -> bool:
    """Whether it still answers, and holds on to nothing."""
    with stage.open() as wire:
        answered = wire.send(post("/predict", b"[1]")).answer().body == b"[2.0]"
    stage.until(lambda: not stage.connections)
    left = stage.call(lambda: (stage.metrics.in_flight, stage.waiting, stage.lane.buffered, len(stage.state.tasks)))
    return answered and left == (0, 0, 0, 0) and stage.service.serving.pending == 0


@pytest.mark.slow
@pytest.mark.parametrize("threads", [0, 2])
def test_mutilated_requests_leave_the_server_sane(threads: int, caplog: pytest.LogCaptureFixture) -> None:
    dice = random.Random(threads)
    with on_stage(threads=threads) as stage:
        for _ in range(ROUNDS):
            with stage.open() as wire:
                received = send(wire, mutilated(dice), dice)
            assert received[:5] in (b"", b"HTTP/")
        assert is_sane(stage)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.slow
def test_random_bytes_leave_the_server_sane(caplog: pytest.LogCaptureFixture) -> None:
    dice = random.Random(3)
    with on_stage() as stage:
        for _ in range(ROUNDS):
            with stage.open() as wire:
                prefix = dice.choice([b"", b"GET /", b"POST /predict HTTP/1.1\r\n", HEALTH])
                send(wire, prefix + dice.randbytes(dice.randint(1, 2000)), dice)
        assert is_sane(stage)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.slow
def test_clients_that_vanish_at_any_moment_leave_the_server_sane() -> None:
    dice = random.Random(4)
    linger = b"\1\0\0\0\0\0\0\0"  # on, for 0 s: closing resets
    with on_stage(threads=2) as stage:
        for _ in range(ROUNDS):
            with stage.open() as wire:
                stream = b"".join(dice.choices(list(WELL_FORMED.values()), k=3))
                wire.send(stream[: dice.randrange(len(stream))])
                if dice.random() < 0.5:
                    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        assert is_sane(stage)
