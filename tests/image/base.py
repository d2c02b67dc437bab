"""The image that ours stand on: the public one, else the same Debian and Python from Debian's packages."""

import subprocess
import tempfile
from pathlib import Path

from infra.settings.image import ImageSettings
from infra.versions import pinned
from tests.image.docker import Docker

PUBLIC = ImageSettings().base
DEBIAN = pinned()["bases"]["debian"]["version"]
OURS = f"inference-test-base:{DEBIAN}"
PACKAGES = ("ca-certificates", "python-is-python3", "python3-venv")
# How this machine reaches package registries: the authorities that it trusts, and pip's own settings.
HOST_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")
UNREAD = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


def base(docker: Docker) -> str:
    """A base image that the daemon has; the public one where it can be pulled."""
    if _has(docker, PUBLIC) or _pulled(docker):
        return PUBLIC
    if not _has(docker, OURS):
        with tempfile.TemporaryDirectory() as folder:
            docker("import", _archive(Path(folder) / "base.tar"), OURS)
    return OURS


def _has(docker: Docker, image: str) -> bool:
    return bool(docker("image", "ls", "--quiet", image))


def _pulled(docker: Docker) -> bool:
    try:
        docker("pull", "--quiet", PUBLIC)
    except RuntimeError:
        return False
    return True


def _archive(path: Path) -> Path:
    """The root file system as a tar file (https://manpages.debian.org/trixie/mmdebstrap/mmdebstrap.1.en.html)."""
    hooks = [f"--customize-hook=copy-in {name} {Path(name).parent}" for name in HOST_FILES if Path(name).exists()]
    quick = ["--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude={pattern}" for pattern in UNREAD)]
    packages = f"--include={','.join(PACKAGES)}"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", packages, *quick, *hooks, DEBIAN, str(path)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return path
