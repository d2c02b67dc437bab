"""A server started as docs/server.md says, and the environment that other people's clients run in."""

import re
from collections.abc import Generator

import pytest

from inference_app.process import ServerProcess
from tests.docs.page import SERVER_PAGE, blocks
from tests.inference_app.clients.conftest import run
from tests.inference_app.conftest import digits

__all__ = ["digits", "run"]


@pytest.fixture(scope="session")
def addresses() -> Generator[dict[str, str]]:
    """Where the server really listens, by where the page says that it does."""
    (start,) = blocks(SERVER_PAGE, "sh")
    environment = dict(re.findall(r"([A-Z_]+)=(\S+)", start))
    with ServerProcess(environment | {"GRPC_PORT": "0"}) as process:
        process.until("ready")
        http, grpc = (process.until(message) for message in ("listening", "listening for gRPC"))
        yield {
            "localhost:8080": f"{http['host']}:{http['port']}",
            f"localhost:{environment['GRPC_PORT']}": f"{grpc['host']}:{grpc['port']}",
        }
