"""Debian's promtool, which judges rules with Prometheus' own engine."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

Groups = Sequence[Mapping[str, Any]]


def judge(folder: Path, groups: Groups, cases: Sequence[Mapping[str, Any]], every: str = "1m") -> str:
    """What fails of cases as promtool's unit tests have them; empty where all hold.

    https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
    """
    rules, tests = folder / "rules.json", folder / "tests.json"
    rules.write_text(json.dumps({"groups": groups}), encoding="utf-8")
    content = {"rule_files": [str(rules)], "evaluation_interval": every, "tests": cases}
    tests.write_text(json.dumps(content), encoding="utf-8")
    done = _run("test", "rules", str(tests))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def check_rules(folder: Path, groups: Groups) -> str:
    """What is wrong, or bad style, in rules; empty where nothing is."""
    rules = folder / "rules.json"
    rules.write_text(json.dumps({"groups": groups}), encoding="utf-8")
    done = _run("check", "rules", "--lint=all", "--lint-fatal", str(rules))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is needed (Debian: apt install prometheus)")
    return subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
