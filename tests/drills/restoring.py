"""Back to what was: an earlier version by call, and a stack whose machines and folders are gone."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request as Call
from urllib.request import urlopen

from inference_app.contract import Env, Route
from inference_app.process import ServerProcess
from tests.drills import versions
from tests.drills.client import Load, Question, Request
from tests.drills.drill import REQUESTS_AROUND, Change, Drill, flaws
from tests.drills.fleet import Fleet
from tests.drills.hot_switch import TOKEN
from tests.drills.proxies import HAProxy
from tests.drills.rolling import RATE, SHORT

ROOT = Path(__file__).parents[2]
STEPS = 3
STACK = "dev"
PREVIEW_SECONDS = 300
"""Far more than it takes where nothing else runs."""
LEFT_OUT = (".venv*", ".git", "build", "__pycache__")
"""What a new checkout does not have."""


def roll_back_by_call(folder: Path) -> Drill:
    """The repository goes back three versions, and each server is told to take what is active now."""
    root = folder / "models"
    made = versions.write(root, STEPS + 1)
    for version in made[1:]:
        _repository("promote", versions.NAME, version.metadata.version, "--repository", str(root))
    environment: dict[str, str] = {**SHORT, Env.MODEL_REPOSITORY: str(root), Env.ADMIN_TOKEN: TOKEN}
    with (
        HAProxy(folder) as front,
        Fleet(front, environment) as fleet,
        Load(front.url, versions.questions(made), rate=RATE) as load,
        Change(load) as change,
    ):
        _repository("rollback", versions.NAME, "--steps", str(STEPS), "--repository", str(root))
        answers = [_switch(server) for server in fleet.servers]
    found = [f"a switch answered {each}" for each in answers if (each["previous"], each["version"]) != ("4", "1")]
    return change.drill("version 4 to 1, by call", found + change.stale("1"))


def _repository(*arguments: str) -> None:
    command = [sys.executable, "-m", "inference_app.repository", *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _switch(server: ServerProcess) -> dict[str, Any]:
    """Tell a server to take the active version; its answer."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    body = json.dumps({"model": versions.NAME}).encode()
    with urlopen(Call(server.url() + Route.SWITCH_MODEL, body, headers), timeout=30) as answer:
        return json.load(answer)


def state_loss(folder: Path) -> Drill:
    """Servers, model repository and checkout are gone: copies elsewhere answer the same and plan the same."""
    made = versions.write(folder / "models", 2)
    questions = versions.questions(made)
    requests = _answers(folder / "models", questions)
    began = time.monotonic()
    shutil.move(folder / "models", folder / "elsewhere" / "models")
    shutil.copytree(ROOT, folder / "elsewhere" / "checkout", ignore=shutil.ignore_patterns(*LEFT_OUT))
    with ThreadPoolExecutor() as pool:
        here, there = pool.map(_plan, (ROOT, folder / "elsewhere" / "checkout"))
    ended = time.monotonic()
    requests += _answers(folder / "elsewhere" / "models", questions)
    found = [*flaws(requests), *([] if here == there else ["the plans of the two checkouts differ"])]
    return Drill(name="state loss", requests=requests, began=began, ended=ended, flaws=found)


def _answers(models: Path, questions: Sequence[Question]) -> list[Request]:
    with ServerProcess({Env.MODEL_REPOSITORY: str(models), Env.DRAIN_SECONDS: "0"}) as server:
        server.until("ready")
        with Load(server.url(), questions, rate=RATE) as load:
            load.reach(REQUESTS_AROUND)
    return load.requests


def _plan(checkout: Path) -> bytes:
    """What `up` would do from there, as the offline preview of `STACK` tells it."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "infra.preview", "--stack", STACK, "--json", "--out", folder]
        done = subprocess.run(command, cwd=checkout, capture_output=True, timeout=PREVIEW_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"the preview of {STACK} ended with {done.returncode}:\n{done.stderr.decode()}")
    return done.stdout
