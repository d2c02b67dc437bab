import os
import subprocess
from pathlib import Path

import pytest

from tests.pipelines.steps import ROOT

AZURE = {
    "ARM_CLIENT_ID": "client",
    "ARM_TENANT_ID": "tenant",
    "ARM_SUBSCRIPTION_ID": "subscription",
    "ARM_OIDC_TOKEN": "azures-token",
}


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    az = tmp_path / "az"
    az.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n', encoding="utf-8")
    az.chmod(0o755)
    return tmp_path / "calls"


def sign_in(folder: Path, variables: dict[str, str]) -> None:
    path = f"{folder}:{os.environ['PATH']}"
    subprocess.run([ROOT / ".ci/sign-in"], env={"PATH": path, **variables}, check=True, timeout=20)


def test_awss_token_is_in_a_file_that_nobody_else_reads(tmp_path: Path, calls: Path) -> None:
    token = tmp_path / "token"

    sign_in(tmp_path, {"AWS_ROLE_ARN": "arn", "AWS_TOKEN": "awss-token", "AWS_WEB_IDENTITY_TOKEN_FILE": str(token)})

    assert token.read_text(encoding="utf-8") == "awss-token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert not calls.exists()


def test_azures_programs_are_signed_in_by_the_jobs_token(tmp_path: Path, calls: Path) -> None:
    sign_in(tmp_path, AZURE)

    assert calls.read_text(encoding="utf-8").splitlines() == [
        "login --service-principal --username client --tenant tenant --federated-token azures-token --output none",
        "account set --subscription subscription",
    ]


def test_a_stack_of_neither_cloud_needs_nothing(tmp_path: Path, calls: Path) -> None:
    sign_in(tmp_path, {})

    assert not calls.exists()
