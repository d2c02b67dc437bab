"""The client tells the outcomes of requests apart; what the drills conclude rests on it."""

import json
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPMessage

import pytest

from tests.drills.client import Load, Outcome, Question, ask
from tests.loopback import Loopback, Request, Response


def judge(headers: HTTPMessage, content: bytes) -> str | None:
    """The version that the answer names, if it is the right one."""
    del headers
    answer = json.loads(content)
    return answer["version"] if answer["right"] else None


QUESTION = Question(body=b"[]", judge=judge)
RIGHT = json.dumps({"version": "7", "right": True}).encode()
WRONG = json.dumps({"version": "7", "right": False}).encode()


def answered_with(response: Response) -> Outcome:
    with Loopback(lambda _: response) as server, closing(HTTPConnection(server.url.removeprefix("http://"))) as client:
        return ask(client, QUESTION).outcome


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (Response(body=RIGHT), Outcome.ANSWERED),
        (Response(body=WRONG), Outcome.MISANSWERED),
        (Response(body=b"{"), Outcome.MISANSWERED),
        (Response(body=b"[]"), Outcome.MISANSWERED),
        (Response(status=429, headers={"Retry-After": "1"}), Outcome.REFUSED),
        (Response(status=503, headers={"Retry-After": "1"}), Outcome.REFUSED),
        (Response(status=503), Outcome.LOST),
        (Response(status=500, headers={"Retry-After": "1"}), Outcome.LOST),
        (Response(status=502), Outcome.LOST),
    ],
)
def test_an_answer_has_the_outcome_that_its_status_and_content_give_it(response: Response, outcome: Outcome) -> None:
    assert answered_with(response) is outcome


@contextmanager
def talking(says: bytes) -> Generator[str]:
    """A server that says these bytes to its first client, once it has heard something, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(says)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=talk)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_an_answer_that_does_not_come_whole_is_lost_and_the_fault_is_told(says: bytes) -> None:
    with talking(says) as address, closing(HTTPConnection(address)) as client:
        request = ask(client, QUESTION)
    assert (request.outcome, request.status, request.is_retryable) == (Outcome.LOST, None, True)
    assert request.fault


def test_a_connection_that_cannot_be_made_is_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with closing(HTTPConnection("127.0.0.1", port)) as client:
        assert ask(client, QUESTION).fault.startswith("ConnectionRefusedError")


def counted(handle: Callable[[Request], Response], **options: float) -> tuple[list[Outcome], int]:
    with Loopback(handle) as server:
        with Load(server.url, [QUESTION], connections=2, **options) as load:
            load.reach(20)
        return [request.outcome for request in load.requests], len(server.requests)


def test_nothing_is_asked_twice_whatever_comes_back() -> None:
    outcomes, received = counted(lambda _: Response(status=503))
    assert outcomes == [Outcome.LOST] * received


def test_a_paced_load_keeps_its_rate() -> None:
    begun = time.monotonic()
    outcomes, _ = counted(lambda _: Response(body=RIGHT), rate=50)
    seconds = time.monotonic() - begun
    assert set(outcomes) == {Outcome.ANSWERED}
    assert len(outcomes) <= 50 * seconds + 2


def test_a_stall_counts_against_the_requests_that_it_held_up() -> None:
    stalled: list[Request] = []

    def stall_once(request: Request) -> Response:
        stalled.append(request)
        return Response(body=RIGHT, delay=0.5 if len(stalled) == 3 else 0)

    with Loopback(stall_once) as server, Load(server.url, [QUESTION], connections=1, rate=50) as load:
        load.reach(20)
    slow = [request for request in load.requests if request.seconds > 0.25]
    assert len(slow) >= 5


def test_a_load_that_gets_nowhere_says_how_far_it_got() -> None:
    with (
        Loopback(lambda _: Response(body=RIGHT)) as server,
        Load(server.url, [QUESTION], connections=1, rate=1) as load,
        pytest.raises(TimeoutError, match=r"^1 requests have ended after 0\.2 s, not 9$"),
    ):
        load.reach(9, seconds=0.2)
