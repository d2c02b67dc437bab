"""checkov over the manifests that the stacks render and over the Dockerfiles: no finding without a written reason."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.preview import Plan
from infra.preview.manifests import manifests, write
from tests.environments import environment
from tests.infra.policy.conftest import ROOT

HERE = Path(__file__).with_name("checkov")
DOCKERFILES = ("inference_app/Dockerfile", "inference_app/training/Dockerfile")
REASONS: Mapping[str, Mapping[str, Any]] = yaml.safe_load((HERE / "reasons.yaml").read_text(encoding="utf-8"))
PLANTED = "planted"
POD = """apiVersion: v1
kind: Pod
metadata: {name: planted, namespace: planted}
spec: {hostNetwork: true, containers: [{name: planted, image: planted}]}
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

Findings = set[tuple[str, str]]
"""Checks that failed, each with what it failed on."""


@pytest.fixture(scope="module")
def found(plans: dict[str, Plan], tmp_path_factory: pytest.TempPathFactory) -> Findings:
    folder = tmp_path_factory.mktemp("checkov")
    for name, plan in plans.items():
        write(manifests(plan), folder / name)
    for path in DOCKERFILES:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    (folder / PLANTED).mkdir()
    (folder / PLANTED / "pod.yaml").write_text(POD, encoding="utf-8")
    (folder / PLANTED / "Dockerfile").write_text("FROM python:3.13\nUSER root\n", encoding="utf-8")
    return scan(environment("checkov", HERE / "requirements.txt") / "checkov", folder)


def scan(checkov: Path, folder: Path) -> Findings:
    """Run it with nothing of the network's."""
    frameworks = ["--framework", "kubernetes", "dockerfile"]
    command = [checkov, "--directory", ".", *frameworks, "--skip-download", "--compact", "--quiet", "--output", "json"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "LOG_LEVEL": "ERROR", "https_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    reports = json.loads(done.stdout)
    assert {each["check_type"] for each in reports} == {"kubernetes", "dockerfile"}, done.stderr
    return {(each["check_id"], subject(each)) for report in reports for each in report["results"]["failed_checks"]}


def subject(finding: Mapping[str, Any]) -> str:
    """A Kubernetes object by kind, namespace and name; a Dockerfile by its path."""
    is_dockerfile = finding["file_path"].endswith("Dockerfile")
    return finding["file_path"].lstrip("/") if is_dockerfile else finding["resource"]


def is_meant(check: str, where: str) -> bool:
    return any(fnmatch(where, pattern) for pattern in REASONS.get(check, {}).get("findings", ()))


def test_checkov_sees_manifests_and_dockerfiles(found: Findings) -> None:
    assert ("CKV_K8S_19", "Pod.planted.planted") in found
    assert ("CKV_DOCKER_8", "planted/Dockerfile") in found


def test_nothing_is_found_without_a_written_reason(found: Findings) -> None:
    shipped = {each for each in found if PLANTED not in each[1]}

    assert {each for each in shipped if not is_meant(*each)} == set()


def test_every_reason_is_still_needed(found: Findings) -> None:
    unneeded = [
        (check, pattern)
        for check, entry in REASONS.items()
        for pattern in entry["findings"]
        if not any(check == other and fnmatch(where, pattern) for other, where in found)
    ]

    assert unneeded == []
    assert all(entry["reason"].endswith(".") for entry in REASONS.values())
