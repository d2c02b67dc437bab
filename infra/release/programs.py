"""The programs that a release runs."""

import shutil
import subprocess
from collections.abc import Sequence

from infra.release.errors import ReleaseError

SOURCES = {
    "cosign": "https://docs.sigstore.dev/cosign/system_config/installation/",
    "docker": "https://docs.docker.com/engine/install/",
    "skopeo": "https://github.com/containers/skopeo/blob/main/install.md",
    "aws": "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
    "az": "https://learn.microsoft.com/en-us/cli/azure/install-azure-cli",
}
SECONDS = 1_800
"""For an image of several GB; everything else is far faster."""


def run(program: str, arguments: Sequence[str], told: str | None = None) -> str:
    """What the program prints, told `told` on its standard input. Raises `ReleaseError` where it fails."""
    if not shutil.which(program):
        raise ReleaseError(f"there is no {program} on PATH; install it: {SOURCES[program]}")
    try:
        done = subprocess.run(
            [program, *arguments], input=told, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise ReleaseError(f"{program} {arguments[0]} did not end within {SECONDS} s; is the registry there?") from None
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise ReleaseError(f"{program} {arguments[0]}: {said}")
    return done.stdout
