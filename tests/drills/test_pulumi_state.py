"""A stack's state goes into another backend and plans no change there; needs the Pulumi CLI and no account."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="Pulumi CLI is not on PATH; `make up` installs it"),
]
OUTPUTS = {"model": "digits", "version": "4"}
PROJECT = {"name": "state", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
PROGRAM = f"import pulumi\n\nfor name, value in {OUTPUTS}.items():\n    pulumi.export(name, value)\n"


def pulumi(project: Path, backend: Path, *arguments: str, given: str | None = None) -> str:
    """What a command says; raises `CalledProcessError`."""
    environment = {**os.environ, "PULUMI_BACKEND_URL": backend.as_uri(), "PULUMI_CONFIG_PASSPHRASE": "drill"}
    command = ["pulumi", "--non-interactive", *arguments]
    done = subprocess.run(
        command, cwd=project, env=environment, input=given, text=True, capture_output=True, check=True
    )
    return done.stdout


def test_an_exported_state_is_imported_elsewhere_and_plans_no_change(tmp_path: Path) -> None:
    project, lost, restored = (tmp_path / name for name in ("project", "lost", "restored"))
    for folder in (project, lost, restored):
        folder.mkdir()
    (project / "Pulumi.yaml").write_text(json.dumps(PROJECT))
    (project / "__main__.py").write_text(PROGRAM)
    pulumi(project, lost, "stack", "init", "dev")
    pulumi(project, lost, "up", "--yes", "--stack", "dev")
    state = pulumi(project, lost, "stack", "export", "--stack", "dev")
    shutil.rmtree(lost)
    pulumi(project, restored, "stack", "init", "dev")
    pulumi(project, restored, "stack", "import", "--stack", "dev", given=state)
    pulumi(project, restored, "preview", "--expect-no-changes", "--stack", "dev")
    outputs = json.loads(pulumi(project, restored, "stack", "output", "--json", "--stack", "dev"))
    assert outputs == OUTPUTS
