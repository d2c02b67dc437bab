"""The image's Python packages as a CycloneDX document: versions, hashes, licences, and which needs which.

Installing the lock file tells what is in the image and what each package says of itself; the lock file tells the
hashes. What Debian has put into the base image is the scanner's to list: it reads it from the image.
https://cyclonedx.org/docs/1.6/json/
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.settings.image import Variant
from infra.versions import pinned

ROOT = Path(__file__).parents[2]
REPRODUCIBLE = ("--output-reproducible", "--output-format", "JSON")
PLATFORM = "x86_64-manylinux_2_28"
"""What the wheels are for, whatever machine writes the document."""

Document = dict[str, Any]


def sbom(variant: Variant, root: Path = ROOT) -> Document:
    """The image's document, the same at every call; raises CalledProcessError where the lock cannot be installed."""
    lock = root / f"inference_app/requirements-{variant}.txt"
    with tempfile.TemporaryDirectory(prefix="sbom-") as folder:
        python = _installed(lock, Path(folder) / "venv")
        about = ["--pyproject", root / "pyproject.toml", "--mc-type", "application"]
        document = _run("environment", python, *about)
    return with_root(with_hashes(document, _run("requirements", lock)))


def with_hashes(document: Document, locked: Document) -> Document:
    """Every component with the hashes that the lock file allows of it; raises ValueError for one it does not name."""
    distributions = {each["purl"]: each["externalReferences"] for each in locked["components"]}
    strange = sorted({each["purl"] for each in document["components"]} - distributions.keys())
    if strange:
        raise ValueError(f"installed without being in the lock file: {', '.join(strange)}")
    components = [
        {**each, "externalReferences": [*each.get("externalReferences", ()), *distributions[each["purl"]]]}
        for each in document["components"]
    ]
    return {**document, "components": components}


def with_root(document: Document) -> Document:
    """The application needs what no package needs."""
    reference = document["metadata"]["component"]["bom-ref"]
    others: list[Mapping[str, Any]] = [each for each in document["dependencies"] if each["ref"] != reference]
    needed = {name for each in others for name in each.get("dependsOn", ())}
    own = {"ref": reference, "dependsOn": sorted(each["ref"] for each in others if each["ref"] not in needed)}
    return {**document, "dependencies": [own, *others]}


def _installed(lock: Path, venv: Path) -> Path:
    """The Python of an environment that has what the lock file names, for the image's platform."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", venv], check=True)
    python = venv / "bin" / "python"
    platform = ["--python-platform", PLATFORM, "--python-version", pinned()["bases"]["python"]["version"], "--no-build"]
    subprocess.run([uv, "pip", "sync", "--quiet", "--python", python, *platform, lock], check=True)
    return python


def _run(*arguments: str | Path) -> Document:
    # It warns of the root that `with_root` gives its needs.
    program = [sys.executable, "-W", "ignore::UserWarning", "-m", "cyclonedx_py"]
    done = subprocess.run([*program, *arguments, *REPRODUCIBLE], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)
