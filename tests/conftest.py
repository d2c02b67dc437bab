"""What holds for every test: with `CI` set nothing is skipped but for what a machine may lack."""

import os
from collections.abc import Generator

import pytest

MAY_BE_ABSENT = ("GPU", "cloud account", "Pulumi CLI", "Fluent Bit", "KServe and Linkerd", "CAP_SYS_ADMIN")
"""A skip that begins with one of these is allowed everywhere."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure in CI, so that a missing tool is noticed."""
    report = yield
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
    allowed = reason.removeprefix("Skipped: ").startswith(MAY_BE_ABSENT)
    if report.skipped and os.environ.get("CI") and not allowed and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} must not be skipped in CI: {reason}"
    return report
