"""The control plane of these tests itself: of the stacks' versions, and gone when they are."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.versions import kubernetes_versions, pinned
from tests.cluster.api import Api
from tests.cluster.stacks import ROOT
from tests.processes import until
from tests.programs.built import MissingProgramError, program, version


def test_it_is_of_the_newest_version_that_stacks_may_have(api: Api) -> None:
    said = api.get_path("/version")

    assert f"{said['major']}.{said['minor']}" == kubernetes_versions()[-1]


def test_charts_that_are_tried_here_are_tried_in_the_stacks_version() -> None:
    charts = pinned()["charts"]

    assert charts["keda"]["version"] == version("github.com/kedacore/keda/v2", "keda")


def test_nothing_of_it_is_left_after_a_crash(tmp_path: Path) -> None:
    try:
        program("kube-apiserver")
    except MissingProgramError as missing:
        pytest.skip(str(missing))
    script = f"""
import time
from pathlib import Path
from tests.cluster.control_plane import control_plane
with control_plane(Path({str(tmp_path)!r})) as plane:
    print(*(process.pid for process in plane.processes), flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pids = [int(pid) for pid in run.stdout.readline().split()]
        run.send_signal(signal.SIGKILL)

    assert len(pids) == 5
    until(lambda: not [pid for pid in pids if alive(pid)], "end of every program")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
