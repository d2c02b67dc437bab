"""What a real Prometheus answered, as one table at the end of a run."""

from collections.abc import Sequence

import pytest

TABLE: pytest.StashKey[list[Sequence[str]]] = pytest.StashKey()


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> list[Sequence[str]]:
    """Rows to print: where a query stands, what it is called, how many series it found, and a value or a reason."""
    return pytestconfig.stash.setdefault(TABLE, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = config.stash.get(TABLE, None)
    if not rows:
        return
    terminalreporter.section("queries and alerts on a real Prometheus")
    lines = [("where", "query", "series", "answer"), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        terminalreporter.write_line("  ".join([*cells, line[3]]))
