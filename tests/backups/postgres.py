"""A PostgreSQL server on this machine, for a test that needs a real one."""

import os
import shutil
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import HOST, Process, free_port, until

# Debian keeps the programs of every major version apart; on PATH are scripts that choose among them.
FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
PATH = os.pathsep.join([*map(str, reversed(FOLDERS)), os.environ["PATH"]])
IS_MISSING = shutil.which("initdb", path=PATH) is None or shutil.which("psql", path=PATH) is None
HOW_TO_GET = "PostgreSQL needed: install Debian's package postgresql"

NOBODY = 65534
"""Whom a test run as root runs the server as, which refuses to be root."""
PASSWORD = "a-password-of-tests"


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A running server, where `name` is both a database and the user who owns everything."""

    port: int
    name: str

    @property
    def environment(self) -> Mapping[str, str]:
        """How PostgreSQL's programs find it."""
        return {
            "PATH": PATH,
            "PGHOST": HOST,
            "PGPORT": str(self.port),
            "PGUSER": self.name,
            "PGDATABASE": self.name,
            "PGPASSWORD": PASSWORD,
        }

    def ask(self, statements: str) -> list[str]:
        """Do what SQL says; the rows that it gives, columns by `|`."""
        command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
        done = subprocess.run(
            command, input=statements, env=self.environment, check=True, capture_output=True, text=True, timeout=60
        )
        return done.stdout.splitlines()


@contextmanager
def postgres(folder: Path, name: str) -> Generator[Postgres]:
    """A server of its own, empty, whose files lie in `folder`."""
    give(folder)
    data, password, port = folder / "data", folder / "password", free_port()
    password.write_text(PASSWORD)
    give(password)
    made = ["initdb", f"--pgdata={data}", f"--username={name}", f"--pwfile={password}", "--auth=scram-sha-256"]
    subprocess.run(as_nobody([*made, "--no-sync"]), env={"PATH": PATH}, check=True, capture_output=True)
    settings = ["-h", HOST, "-p", str(port), "-k", str(folder), "-c", "fsync=off"]
    program = shutil.which("postgres", path=PATH) or "postgres"
    with Process("postgres", as_nobody([program, "-D", str(data), *settings]), folder) as process:
        server = Postgres(port=port, name=name)
        ready = ["pg_isready", "--quiet", f"--host={HOST}", f"--port={port}"]
        until(
            lambda: subprocess.run(ready, env={"PATH": PATH}, check=False).returncode == 0,
            "PostgreSQL that answers",
            processes=[process],
        )
        subprocess.run(
            ["createdb", name], env={**server.environment, "PGDATABASE": "postgres"}, check=True, capture_output=True
        )
        yield server


def as_nobody(command: Sequence[str]) -> list[str]:
    """The command, without root's rights where the tests have them."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]


def give(path: Path) -> None:
    """Let whom `as_nobody` runs as own a file or an empty folder."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
