"""A stage and a connection to it, as most tests of the lane want them."""

from collections.abc import Generator

import pytest

from tests.inference_app.http.stage import Stage, on_stage
from tests.inference_app.http.wire import Wire


@pytest.fixture(scope="module")
def stage() -> Generator[Stage]:
    """A server with an inline model, a body limit of 1,000,000 bytes and 30 s for each half of a request."""
    with on_stage(threads=0) as stage:
        yield stage


@pytest.fixture
def wire(stage: Stage) -> Generator[Wire]:
    """A connection to it."""
    with stage.open() as wire:
        yield wire
