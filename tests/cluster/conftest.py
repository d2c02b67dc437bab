"""One control plane for all tests that a process runs; `make cluster-test` has three processes."""

from collections.abc import Generator
from contextlib import ExitStack

import pytest

from inference_app.process import ServerProcess
from tests.cluster import custom_resources
from tests.cluster.api import Api
from tests.cluster.control_plane import ControlPlane, control_plane
from tests.cluster.keda import keda
from tests.cluster.resource_metrics import resource_metrics
from tests.cluster.stacks import Stack, shipped
from tests.programs.built import MissingProgramError


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Generator[ControlPlane]:
    """A control plane that knows every custom resource; skips, saying why, where its programs cannot be had."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(control_plane(tmp_path_factory.mktemp("control-plane")))
            custom_resources.install(running.api)
        except MissingProgramError as missing:
            pytest.skip(str(missing))
        yield running


@pytest.fixture(scope="session")
def prod() -> Stack:
    """Prod as it ships."""
    return shipped("prod")


@pytest.fixture
def api(plane: ControlPlane) -> Api:
    """A client with every right, that has seen no warning yet."""
    plane.api.warnings.clear()
    return plane.api


@pytest.fixture(scope="module")
def server() -> Generator[ServerProcess]:
    """With the shipped model."""
    with ServerProcess({}) as process:
        process.until("ready")
        yield process


@pytest.fixture(scope="module")
def controllers(plane: ControlPlane, server: ServerProcess) -> Generator[None]:
    """KEDA, and who tells Kubernetes what the server uses, as if it were each pod."""
    with keda(plane), resource_metrics(plane, server.pid):
        yield
