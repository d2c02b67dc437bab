"""One control plane for all tests that a process runs; `make cluster-test` has two processes."""

from collections.abc import Generator
from contextlib import ExitStack

import pytest

from tests.cluster import custom_resources
from tests.cluster.api import Api
from tests.cluster.control_plane import ControlPlane, control_plane
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
