"""`python -m tests.programs`: build what tests run, with Go and from the modules pinned here.

About half an hour on two cores the first time, seconds after it, since Go keeps what it compiled. What PATH or
KUBEBUILDER_ASSETS has already is not built.
"""

import os
import subprocess
import sys
import time

from tests.programs.built import BUILT, MODULES, NO_GO, PROGRAMS, given, go, version

TAGS = {"prometheus": "remove_all_sd"}


def build() -> int:
    """Build what is not given; return how many modules could not be built."""
    compiler = go()
    wanted = sorted({module for name, (module, _) in PROGRAMS.items() if given(name) is None})
    if compiler is None:
        print(NO_GO.format(" ".join(name for name in PROGRAMS if given(name) is None)))
        return 0
    return sum(not _build(compiler, module) for module in wanted)


def _build(compiler: str, module: str) -> bool:
    print(f"{module:10} ", end="", flush=True)
    started = time.perf_counter()
    target = BUILT / module
    target.mkdir(parents=True, exist_ok=True)
    command = [compiler, "build", "-ldflags", f"-s -w {_version_flags()}", "-tags", TAGS.get(module, ""), "-o", target]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run([*command, "tool"], cwd=MODULES / module, env=environment, check=False)
    print(f"{time.perf_counter() - started:6.1f} s  {'built' if done.returncode == 0 else 'FAILED'}", flush=True)
    return done.returncode == 0


def _version_flags() -> str:
    kubernetes = version("k8s.io/kubernetes", "kubernetes")
    major, minor, _ = kubernetes.split(".")
    said = {"gitVersion": f"v{kubernetes}", "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in said.items())


if __name__ == "__main__":
    sys.exit(1 if build() else 0)
