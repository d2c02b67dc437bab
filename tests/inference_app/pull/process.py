"""`python -m inference_app.pull` as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inference_app.contract import Env

ELSEWHERE = ("AWS_", "AZURE_", "MLFLOW_")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a pull ended: its exit code, what it wrote to standard error, and the entries of its log."""

    code: int
    error: str
    log: list[dict[str, Any]]

    def entries(self, message: str) -> list[dict[str, Any]]:
        """The log's entries with a message."""
        return [entry for entry in self.log if entry["message"] == message]


@dataclass(frozen=True)
class Pull:
    """A pull into a repository, with these variables and none of this process's that would matter."""

    repository: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def but(self, **changes: str) -> "Pull":
        """The same with other variables."""
        return Pull(self.repository, {**self.environment, **changes})

    def start(self, *wrapped_in: str) -> subprocess.Popen[str]:
        """Start it, inside another command where one is given."""
        kept = {
            key: value for key, value in os.environ.items() if key not in set(Env) and not key.startswith(ELSEWHERE)
        }
        return subprocess.Popen(
            [*wrapped_in, sys.executable, "-m", "inference_app.pull"],
            env={**kept, "MODEL_REPOSITORY": str(self.repository), **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *wrapped_in: str) -> Outcome:
        """Run it to its end."""
        with self.start(*wrapped_in) as process:
            try:
                out, error = process.communicate(timeout=60)
            finally:
                process.kill()
        return Outcome(code=process.returncode, error=error, log=[json.loads(line) for line in out.splitlines()])

    def fails(self, *wrapped_in: str) -> str:
        """Run it, see it fail as it must: one line, and nothing in the repository that a server could find."""
        outcome = self.run(*wrapped_in)
        assert outcome.code == 1, outcome
        assert outcome.error.endswith("\n")
        assert outcome.error.count("\n") == 1, outcome.error
        assert self.served() == []
        return outcome.error

    def served(self) -> list[str]:
        """What a server could find in the repository, by path."""
        found = sorted(path.relative_to(self.repository) for path in self.repository.glob("*/*"))
        return [str(path) for path in found if path.parts[0] != ".pull"]
