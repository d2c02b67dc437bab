"""Programs that tests run: those of KUBEBUILDER_ASSETS, then of PATH, else those that `__main__` built."""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

MODULES = Path(__file__).parent
BUILT = Path(__file__).parents[2] / "build" / "programs"

# Program, module below this folder, and the name that Go gives what it builds.
PROGRAMS = {
    "etcd": ("etcd", "server"),
    "kube-apiserver": ("kubernetes", "kube-apiserver"),
    "kube-controller-manager": ("kubernetes", "kube-controller-manager"),
    "kube-scheduler": ("kubernetes", "kube-scheduler"),
    "kwok": ("kwok", "kwok"),
    "kube-state-metrics": ("kube-state-metrics", "kube-state-metrics"),
    "karpenter-kwok": ("karpenter", "kwok"),
    "keda-operator": ("keda", "operator"),
    "keda-adapter": ("keda", "adapter"),
    "keda-webhooks": ("keda", "webhooks"),
    "prometheus": ("prometheus", "prometheus"),
    "otelcol": ("collector", "collector"),
    "jaeger": ("jaeger", "jaeger"),
    "restic": ("restic", "restic"),
}
# What a program on PATH must be at least: the version whose rules the tests hold, and an etcd that tells watchers how
# far it is (https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/).
OLDEST = {"etcd": (3, 5), **dict.fromkeys(("kube-apiserver", "kube-controller-manager", "kube-scheduler"), (1, 36))}
NO_GO = (
    "Go is not on PATH: install it (https://go.dev/doc/install), or put {} on PATH or in the folder that "
    "KUBEBUILDER_ASSETS names"
)


class MissingProgramError(Exception):
    """A program is neither there nor can be built; the message says how to get it."""


@cache
def program(name: str) -> Path:
    """Where the program is. Raises MissingProgramError."""
    found = given(name) or _built(name)
    if found is None:
        raise MissingProgramError(f"{name} is not built: run `make programs`" if go() else NO_GO.format(name))
    return found


@cache
def source(module: str, requirer: str) -> Path:
    """Folder of a Go module's files, in the version that `<requirer>/go.mod` requires.

    Raises MissingProgramError without Go, and CalledProcessError when the module cannot be had.
    """
    compiler = go()
    if compiler is None:
        raise MissingProgramError(NO_GO.format("Go"))
    command = [compiler, "mod", "download", "-json", module]
    done = subprocess.run(command, cwd=MODULES / requirer, check=True, capture_output=True, text=True)
    return Path(json.loads(done.stdout)["Dir"])


def version(module: str, requirer: str) -> str:
    """The version of a Go module that `<requirer>/go.mod` requires, as `1.36.3`."""
    text = (MODULES / requirer / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} v([0-9.]+)", text, re.MULTILINE)
    assert found, f"{requirer}/go.mod does not require {module}"
    return found[1]


@cache
def given(name: str) -> Path | None:
    """Where the program is without our building it: in KUBEBUILDER_ASSETS, else on PATH if it is new enough."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (found := shutil.which(name, path=assets)):
        return Path(found)
    found = shutil.which(name)
    return Path(found) if found and _is_new_enough(name, found) else None


def _is_new_enough(name: str, path: str) -> bool:
    if name not in OLDEST:
        return True
    said = subprocess.run([path, "--version"], check=True, capture_output=True, text=True, timeout=20).stdout
    number = re.search(r"([0-9]+)\.([0-9]+)", said)
    return number is not None and (int(number[1]), int(number[2])) >= OLDEST[name]


def _built(name: str) -> Path | None:
    module, file = PROGRAMS[name]
    found = BUILT / module / file
    return found if found.is_file() else None


def go() -> str | None:
    """Where Go is, None where it is not."""
    return shutil.which("go")
