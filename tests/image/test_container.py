"""The server in a container that may do next to nothing: it answers, is healthy, and ends without losing a request."""

import signal
import time
from collections.abc import Generator
from http import HTTPStatus
from http.client import HTTPConnection

import httpx
import pytest

from inference_app import contract
from inference_app.contract import Route
from tests.image.container import Container, container, version
from tests.image.docker import Docker
from tests.processes import HOST, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def server(docker: Docker, image: str) -> Generator[Container]:
    with container(docker, image) as made:
        yield made


def test_the_shipped_models_samples_get_the_right_answers(server: Container) -> None:
    answers = server.answers()

    assert len(answers) >= 10
    assert all(answer.right for answer in answers)


def test_dockers_own_health_check_says_healthy(server: Container) -> None:
    until(lambda: server.health == "healthy", "healthy container")


def test_the_server_can_write_nowhere_and_has_no_rights(server: Container) -> None:
    status = server.docker("exec", server.name, "cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert (fields["CapEff"], fields["CapBnd"]) == ("0" * 16, "0" * 16)
    assert fields["NoNewPrivs"] == "1"
    assert {*fields["Uid"].split(), *fields["Gid"].split()} == {str(contract.USER_ID)}
    with pytest.raises(RuntimeError, match="Read-only file system"):
        server.docker("exec", server.name, "python", "-c", "open('/tmp/file', 'w')")


def test_sigterm_lets_a_request_in_flight_end_and_the_server_ends_well(docker: Docker, image: str) -> None:
    sample = version().directory / version().metadata.samples[0].file
    first, rest = (content := sample.read_bytes())[:100], content[100:]
    with container(docker, image) as server:
        connection = HTTPConnection(HOST, server.port, timeout=30)
        connection.putrequest("POST", Route.PREDICT)
        connection.putheader("Content-Type", "image/png")
        connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(first)
        until(lambda: _in_flight(server) >= 1, "request in flight")
        began = time.monotonic()
        server.send(signal.SIGTERM)
        until(lambda: server.status(Route.READY) == HTTPStatus.SERVICE_UNAVAILABLE, "server that drains")
        connection.send(rest)
        answer = connection.getresponse()
        answer.read()
        code = server.ended()

    assert answer.status == HTTPStatus.OK
    assert code == 0
    assert time.monotonic() - began < contract.GRACE_SECONDS


def _in_flight(server: Container) -> float:
    lines = httpx.get(f"{server.url}{Route.METRICS}").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(contract.IN_FLIGHT.name))
