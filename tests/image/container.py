"""The server in a container, with as few rights as every target gives it."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from inference_app import contract, repository
from inference_app.contract import Env, Route
from inference_app.demo import Answer, Client
from inference_app.repository import ModelVersion
from inference_app.settings import Settings
from tests.image.docker import Docker
from tests.processes import HOST, free_port, until

RIGHTS = (
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    f"--user={contract.USER_ID}:{contract.USER_ID}",
    "--memory=1g",
)


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container that runs; `port` is the server's on loopback."""

    docker: Docker
    name: str
    port: int

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://{HOST}:{self.port}"

    @property
    def health(self) -> str:
        """What Docker's own check says of it."""
        return self.docker("inspect", self.name, "--format", "{{.State.Health.Status}}")

    def status(self, path: Route) -> int:
        """The status that the server gives, 0 where nobody listens yet."""
        try:
            return httpx.get(f"{self.url}{path}").status_code
        except httpx.TransportError:
            return 0

    def answers(self) -> list[Answer]:
        """What the shipped model's samples get."""
        found = version()
        return Client(self.url, found).ask(found.metadata.samples)

    def send(self, number: signal.Signals) -> None:
        """A signal to the server."""
        self.docker("kill", f"--signal={number.name}", self.name)

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        return int(self.docker("wait", self.name))


def version() -> ModelVersion:
    """The model that the image holds, as the repository has it."""
    return repository.find(Settings().model_repository, "digits")


@contextmanager
def container(docker: Docker, image: str) -> Generator[Container]:
    """A server that is ready; raises TimeoutError if it does not get so."""
    port, grpc = free_port(), free_port()
    environment = {Env.PORT: port, Env.GRPC_PORT: grpc, Env.HOST: HOST, Env.DRAIN_SECONDS: 1}
    settings = [f"--env={name}={value}" for name, value in environment.items()]
    name = docker("run", "--detach", "--network=host", "--health-interval=1s", *RIGHTS, *settings, image)
    try:
        made = Container(docker=docker, name=name, port=port)
        until(lambda: made.status(Route.READY) == HTTPStatus.OK, "server that is ready")
        yield made
    finally:
        docker("rm", "--force", name)
