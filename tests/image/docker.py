"""A Docker for tests: the daemon that answers, else one of their own that leaves the machine's network alone."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import Process, until

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "docker"
"""Where a daemon of the tests keeps images and caches between runs."""
_CAP_SYS_ADMIN = 1 << 21  # https://man7.org/linux/man-pages/man7/capabilities.7.html


@dataclass(frozen=True, kw_only=True)
class Docker:
    """A client that can build, and the daemon that it asks; None is the usual one."""

    client: str
    host: str | None = None

    def __call__(self, *arguments: str | Path, timeout: float = 120) -> str:
        """What the command prints, without the last line's end; raises RuntimeError with all that it said."""
        done = subprocess.run(
            [self.client, *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if done.returncode:
            raise RuntimeError(f"docker {arguments[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    @property
    def environment(self) -> dict[str, str]:
        """How programs find the daemon, and build with BuildKit where that is not the default."""
        return {**os.environ, "DOCKER_BUILDKIT": "1", **({"DOCKER_HOST": self.host} if self.host else {})}

    @property
    def answers(self) -> bool:
        """Whether there is a daemon."""
        try:
            return bool(self("version", "--format", "{{.Server.Version}}"))
        except (RuntimeError, subprocess.TimeoutExpired):
            return False

    def layers(self, image: str) -> list[str]:
        """Digests of the image's layers, the base's first."""
        return self("image", "inspect", image, "--format", '{{join .RootFS.Layers " "}}').split()


def client() -> str | None:
    """The first that can build: Docker's own needs a plugin for that, Debian's does not."""
    for found in filter(None, (shutil.which("docker"), shutil.which("docker", path="/usr/bin"))):
        asked = subprocess.run([found, "build", "--help"], env=Docker(client=found).environment, capture_output=True)
        if asked.returncode == 0:
            return found
    return None


def absent() -> str | None:
    """What keeps the tests from running here, and how to get it."""
    found = client()
    if found and Docker(client=found).answers:
        return None
    if not (found and shutil.which("dockerd", path=_sbin()) and shutil.which("mmdebstrap") and os.geteuid() == 0):
        return "Docker needed: start its daemon; or run as root, with Debian's packages docker.io and mmdebstrap"
    if not _capabilities() & _CAP_SYS_ADMIN:
        return "CAP_SYS_ADMIN needed: the kernel does not let this process start containers"
    return None


@contextmanager
def daemon() -> Generator[Docker]:
    """The one that answers, else one that ends with the tests; raises RuntimeError with its log if it cannot start."""
    program = client() or "docker"
    usual = Docker(client=program)
    if usual.answers:
        yield usual
        return
    folder = Path(tempfile.mkdtemp(prefix="docker-"))  # the socket's path must be short
    own = Docker(client=program, host=f"unix://{folder}/docker.sock")
    try:
        with Process("dockerd", _command(folder), folder) as process:
            until(lambda: own.answers, "Docker daemon that answers", processes=[process])
            yield own
    finally:
        subprocess.run(["umount", folder / "run" / "netns" / "default"], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _command(folder: Path) -> list[str | Path]:
    # Containers have this machine's network, so that nothing of it is changed for them.
    network = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    places = ["--data-root", KEPT, "--exec-root", folder / "run", "--pidfile", folder / "pid"]
    if " /sys/fs/cgroup" not in Path("/proc/mounts").read_text():
        subprocess.run(["cgroupfs-mount"], check=True)
    return [
        shutil.which("dockerd", path=_sbin()) or "dockerd",
        *network,
        *places,
        "--host",
        f"unix://{folder}/docker.sock",
    ]


def _sbin() -> str:
    return os.pathsep.join([os.environ["PATH"], "/usr/sbin"])


def _capabilities() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("CapEff:")).split()[1], 16)
