"""Every drill, with its figures in the tests' report."""

from collections.abc import Callable
from pathlib import Path

import pytest

from inference_app.contract import Env
from tests.drills.__main__ import DRILLS, drilled
from tests.drills.drill import PASSED
from tests.drills.proxies import PROXIES, MissingProxyError
from tests.drills.rolling import rolling_update

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
WITH_A_TEST_OF_ITS_OWN = {"hot-switch"}


@pytest.fixture(scope="module", autouse=True)
def _proxies(tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        for name, proxy in PROXIES.items():
            proxy(tmp_path_factory.mktemp(name))
    except MissingProxyError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", [name for name in DRILLS if name not in WITH_A_TEST_OF_ITS_OWN])
def test_the_drill_passes(name: str, record_property: Callable[[str, object], None]) -> None:
    drill = drilled(name)
    for figure, value in drill.figures().items():
        record_property(figure, value)
    assert drill.verdict == PASSED


def test_servers_that_do_not_drain_lose_requests_and_the_drill_sees_it(tmp_path: Path) -> None:
    drill = rolling_update(tmp_path, "nginx", extra={Env.DRAIN_SECONDS: "0"})
    assert "lost (502)" in drill.verdict
