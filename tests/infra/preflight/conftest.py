"""Clouds that stand in for the real ones, and what one asks of the answers."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from infra.preflight.answer import Answer, Section
from infra.preflight.aws.client import Aws
from infra.preflight.run import ask_all
from tests.infra.preflight.clouds import Amazon, Microsoft
from tests.loopback import Loopback, Request, Response

Ask = Callable[[Section | None], dict[str, Answer]]


@pytest.fixture
def ask() -> Ask:
    """Asks a section, and gives its answers by what was asked, each of which must be asked once."""

    def asked(section: Section | None) -> dict[str, Answer]:
        assert section
        (findings,) = ask_all([section], 60, lambda _: None)
        assert len({answer.asked for answer in findings.answers}) == len(findings.answers)
        return {answer.asked: answer for answer in findings.answers}

    return asked


class Door:
    """One address for every test's stand-in, so that the SDK's clients need to be made once."""

    stand_in: Amazon
    reader = Aws("eu-west-1")

    def handle(self, request: Request) -> Response:
        """What the test's own stand-in answers."""
        return self.stand_in.handle(request)


@pytest.fixture(scope="session")
def door() -> Generator[tuple[Door, str]]:
    """Where Amazon's services stand in, and their address."""
    found = Door()
    with Loopback(found.handle) as server:
        yield found, server.url


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, door: tuple[Door, str]) -> Amazon:
    """Amazon's services, credentials for them, and nothing of the machine's own configuration."""
    entrance, url = door
    entrance.stand_in = Amazon()
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", str(tmp_path / "absent"))
    for name, value in {"ACCESS_KEY_ID": "AKIAEXAMPLE", "SECRET_ACCESS_KEY": "not-a-secret"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr("infra.preflight.aws.Aws", {"eu-west-1": entrance.reader}.__getitem__)
    return entrance.stand_in


@pytest.fixture
def microsoft(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Microsoft:
    """The Azure CLI, signed in, alone on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return Microsoft(tmp_path)
