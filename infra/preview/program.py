"""A repository's own program, run on one of its stack files."""

import contextlib
import gc
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.preview.plan import Plan
from infra.preview.runner import run
from infra.preview.stack_file import load, split_settings

ROOT = Path(__file__).parents[2]


def stack_plan(stack: str, overrides: Sequence[str] = (), root: Path = ROOT) -> Plan:
    """What `up` of `stack` would register, with `KEY=VALUE` overrides as the preview's `--set` takes them.

    Raises `PreviewError` for a stack file, a setting or an override that is wrong, `pulumi.RunError` where the program
    gives up.
    """
    # The cloud SDKs are tens of thousands of classes: collecting garbage while they load is a fifth of the time.
    gc.disable()
    settings, outputs = split_settings(overrides)
    found = load(root, stack, settings)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what the program prints is not the plan
            return run(
                lambda: _run_file(root / "__main__.py"),
                found.config,
                found.name,
                project=found.project,
                secrets=found.secrets,
                outputs=outputs,
            )
    finally:
        gc.enable()


def _run_file(path: Path) -> None:
    runpy.run_path(str(path), run_name="__main__")
