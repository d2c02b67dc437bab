"""Whether a locked package has a known vulnerability: pip-audit, which asks https://osv.dev by name and version."""

import datetime
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.supply_chain.exceptions import Finding

LOCKS = (
    "requirements.txt",
    "inference_app/requirements-cpu.txt",
    "inference_app/requirements-cuda.txt",
    "inference_app/training/requirements.txt",
    "inference_app/training/requirements-cuda.txt",
    "infra/policy/pack/requirements.txt",
)
"""What runs with an account's rights or ends up in an image."""


class AuditError(Exception):
    """The service could not be asked."""


def audit(root: Path, borne: Sequence[Finding], today: datetime.date, service: str | None = None) -> Iterator[str]:
    """What is wrong with each lock file, line by line; raises `AuditError` when the service does not answer.

    `service` is the URL of a mirror that speaks OSV's protocol (https://google.github.io/osv.dev/post-v1-query/).
    """
    for lock in LOCKS:
        done = subprocess.run(command(root / lock, borne, today, service), capture_output=True, text=True)
        said = done.stderr.splitlines()
        if "Traceback (most recent call last):" in said:
            raise AuditError(f"{lock} was not audited, nor what comes after it: {said[-1]}")
        if done.returncode:
            yield f"{lock}: {done.stderr}{done.stdout}"


def command(lock: Path, borne: Sequence[Finding], today: datetime.date, service: str | None) -> list[str]:
    """`--strict`, because a package that the service does not know would pass for one without findings."""
    ignored = [f"--ignore-vuln={each.id}" for each in borne if each.expired_at >= today]
    return [
        str(Path(sys.executable).with_name("pip-audit")),
        f"--requirement={lock}",
        "--strict",
        "--disable-pip",
        "--vulnerability-service=osv",
        "--progress-spinner=off",
        *([f"--osv-url={service}"] if service else []),
        *ignored,
    ]
