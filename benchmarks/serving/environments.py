"""What a run needs below `build/`: an environment for each peer, and the models."""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.serving.cases import ModelName

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PEERS = HERE / "peers"
BUILD = ROOT / "build" / "benchmarks"
MODELS = BUILD / "models"


DEBIANS = Path("/usr/bin/python3.11")
PYTHON = str(DEBIANS) if DEBIANS.exists() else "3.11"
"""Every server's: Debian's is built with profile-guided optimisation, as those in images are, and a quarter faster than
one compiled without. Triton's Python backend needs its shared library besides."""


def interpreter(folder: str | None) -> Path:
    """The interpreter of a peer's environment, or of our server's, made of its requirements where absent or older."""
    if folder is None:
        return _environment(BUILD / "ours" / ".venv", ROOT / "inference_app" / "requirements-cpu.txt", PYTHON)
    return _environment(BUILD / "peers" / folder / ".venv", PEERS / folder / "requirements.txt", PYTHON)


def build_models(names: list[ModelName]) -> None:
    """Build the models that are not there yet."""
    missing = [name for name in names if not (MODELS / name / "active.json").is_file()]
    if not missing:
        return
    requirements = HERE / "models" / "requirements.txt"
    python = _environment(BUILD / "models-venv", requirements, "3.11", "--no-deps")
    subprocess.run([python, "-m", "benchmarks.serving.models", MODELS, *missing], cwd=ROOT, check=True)


def _environment(folder: Path, requirements: Path, python: str, *options: str) -> Path:
    interpreter, copy = folder / "bin" / "python", folder / "requirements.txt"
    if copy.is_file() and copy.read_bytes() == requirements.read_bytes():
        return interpreter
    program = uv()
    subprocess.run([program, "venv", "--quiet", "--clear", "--python", python, folder], check=True)
    install = [program, "pip", "install", "--quiet", *options, "--python", interpreter, "--requirements", requirements]
    subprocess.run(install, check=True)
    shutil.copy(requirements, copy)
    return interpreter


def uv() -> str:
    """The path of uv; exits without one."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise SystemExit("uv makes the peers' environments; install the pinned requirements-dev.txt")
    return found
