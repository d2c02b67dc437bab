"""From Azure Blob storage."""

import base64
from pathlib import Path

import pytest

from tests.inference_app.pull.conftest import files_in
from tests.inference_app.pull.process import Pull

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # the emulator is installed once


def test_the_same_repository_comes_from_blob_storage(blob_pull: Pull, published: Path) -> None:
    outcome = blob_pull.run()

    assert (outcome.code, outcome.error) == (0, "")
    pulled = {path.relative_to(blob_pull.repository): path.read_bytes() for path in files_in(blob_pull.repository)}
    at_source = {path.relative_to(published): path.read_bytes() for path in files_in(published)}
    assert pulled.keys() == at_source.keys()
    assert {path for path in at_source if pulled[path] != at_source[path]} <= {Path("digits/active.json")}


def test_a_missing_blob(blob_pull: Pull) -> None:
    source = blob_pull.environment["MODEL_SOURCE"]

    assert blob_pull.but(MODEL_VERSION="9").fails() == (
        f"{source}/digits/9/SHA256SUMS must be there, got 404 Not Found; upload the version, or name another\n"
    )


def test_no_permission(blob_pull: Pull) -> None:
    other_key = base64.b64encode(b"the key of another account").decode()

    error = blob_pull.but(AZURE_STORAGE_ACCOUNT_KEY=other_key).fails()
    assert " must be there and readable, got 403 Forbidden; " in error
