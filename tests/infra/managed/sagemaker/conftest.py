"""The endpoints of one stack, previewed once for all tests."""

from collections.abc import Callable

import pytest

from infra.preview import Plan
from tests.infra.managed.sagemaker.samples import preview_endpoints


@pytest.fixture(scope="session")
def plan() -> Plan:
    return preview_endpoints()


@pytest.fixture
def plan_with() -> Callable[..., Plan]:
    return preview_endpoints
