"""Stacks that live once for all tests of a process: `make engine-test` has two processes."""

import shutil
from collections.abc import Generator

import pytest

from tests.cluster.conftest import plane as plane  # for the tests here
from tests.engine.engine import engine
from tests.engine.lives import Life, dev_life, prod_life

NO_CLI = "Pulumi CLI is not on PATH; https://www.pulumi.com/docs/install says how to get it"
FIGURES = "engine: "
"""How the names of the properties begin that are shown after the tests."""


@pytest.fixture(scope="session")
def cli() -> str:
    """The CLI's path; skips where there is none."""
    found = shutil.which("pulumi")
    if found is None:
        pytest.skip(NO_CLI)
    return found


@pytest.fixture(scope="session")
def dev(cli: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Life]:
    """Dev, from its first preview until nothing is left."""
    del cli
    with engine("dev", tmp_path_factory.mktemp("dev")) as made:
        yield dev_life(made)


@pytest.fixture(scope="session")
def prod(cli: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Life]:
    """Prod, from its first preview until nothing is left."""
    del cli
    with engine("prod", tmp_path_factory.mktemp("prod")) as made:
        yield prod_life(made)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the tests recorded: each step's figures, and the longest chains of waits."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    recorded = [each for report in reports for each in report.user_properties]
    for name, lines in ((name, value) for name, value in recorded if name.startswith(FIGURES)):
        terminalreporter.write_line(f"\n{name.removeprefix(FIGURES)}")
        for line in str(lines).splitlines():
            terminalreporter.write_line(f"  {line}")
