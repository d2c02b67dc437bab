"""Each failure is one line that says where, what must hold, what was found and what to do; never half a model."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.inference_app.pull.conftest import BUCKET, PREFIX
from tests.inference_app.pull.process import Pull
from tests.inference_app.pull.relay import Relay

pytestmark = pytest.mark.slow
Put = Callable[[str, bytes], None]
URL = f"s3://{BUCKET}/{PREFIX}"


@pytest.fixture
def model(published: Path) -> bytes:
    return (published / "digits" / "1" / "model.onnx").read_bytes()


def test_a_wrong_checksum(pull: Pull, put: Put, model: bytes) -> None:
    put("digits/1/model.onnx", model[:-1] + b"?")

    error = pull.fails()
    assert error.startswith(f"{URL}/digits/1/model.onnx must have the SHA-256 {hashlib.sha256(model).hexdigest()} ")
    assert f"got {hashlib.sha256(model[:-1] + b'?').hexdigest()} of {len(model)} bytes" in error
    assert error.endswith("; upload the version again, whole\n")


def test_a_truncated_object(pull: Pull, put: Put, model: bytes) -> None:
    put("digits/1/model.onnx", model[:1000])

    error = pull.fails()
    assert error.startswith(f"{URL}/digits/1/model.onnx must have the SHA-256 ")
    assert " of 1000 bytes; upload the version again" in error


@pytest.mark.parametrize("missing", ["active.json", "1/SHA256SUMS", "1/model.onnx", "1/samples/07.png"])
def test_a_missing_key(pull: Pull, s3: Any, missing: str) -> None:
    s3.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/digits/{missing}")

    assert pull.fails() == (
        f"{URL}/digits/{missing} must be there, got 404 Not Found; upload the version, or name another\n"
    )


def test_a_missing_bucket(pull: Pull) -> None:
    error = pull.but(MODEL_SOURCE="s3://nobody-has-this/prod").fails()

    assert error.startswith("s3://nobody-has-this/prod/digits/active.json must be there, got 404 Not Found; ")


def test_no_permission(pull: Pull, s3_url: str) -> None:
    httpx.post(f"{s3_url}/moto-api/reset-auth", content=b"0").raise_for_status()
    try:
        error = pull.fails()
    finally:
        httpx.post(f"{s3_url}/moto-api/reset-auth", content=b"inf").raise_for_status()

    assert error == (
        f"{URL}/digits/active.json must be there and readable, got 403 Forbidden; upload it, or give the pod's service "
        "account the right to read it\n"
    )


def test_an_unreachable_store(pull: Pull) -> None:
    error = pull.but(AWS_ENDPOINT_URL_S3="http://127.0.0.1:1").fails()

    assert error == (
        f"{URL}/digits/active.json must answer within 1 seconds, got Connection refused; check the network policy, the "
        "endpoint and the region\n"
    )


def test_a_store_that_keeps_breaking_off(pull: Pull, relay: Relay) -> None:
    relay.cut, relay.cut_after = 10_000, 2000

    error = pull.but(AWS_ENDPOINT_URL_S3=relay.url).fails()
    assert " must answer within 1 seconds, got " in error


def test_no_room(pull: Pull) -> None:
    error = pull.but(MODEL_SOURCE_MAX_BYTES="100000").fails()

    assert error == (
        f"{URL} must fit into {pull.repository}, got no room: 0.2 MiB are needed and 0.1 MiB are free; give it more "
        "(a stack's model.source.space)\n"
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Callable[[str], tuple[str, ...]]:
    """A command inside which the folder `models` is a small file system of its own."""
    folder = tmp_path / "models"
    folder.mkdir()
    own = ("unshare", "--map-root-user", "--mount")

    def mounted(size: str) -> tuple[str, ...]:
        mount = f'mount -t tmpfs -o {size} tmpfs "{folder}" && exec "$@"'
        return (*own, "sh", "-c", mount, "sh")

    if not shutil.which("unshare") or subprocess.run([*mounted("size=1m"), "true"], check=False).returncode:
        pytest.skip("user namespaces are switched off here; allow `unshare --map-root-user --mount`")
    return mounted


def test_a_disk_that_is_too_small(pull: Pull, small_disk: Callable[[str], tuple[str, ...]]) -> None:
    error = pull.fails(*small_disk("size=100k"))

    assert f"{URL} must fit into {pull.repository}, got no room: 0.2 MiB are needed and 0.1 MiB are free; " in error


def test_a_disk_that_fills_up_on_the_way(pull: Pull, small_disk: Callable[[str], tuple[str, ...]]) -> None:
    error = pull.fails(*small_disk("size=10m,nr_inodes=8"))

    assert f"{URL} must fit into {pull.repository}, got no room: No space left on device; " in error


def test_a_disk_that_cannot_be_written_to(pull: Pull, small_disk: Callable[[str], tuple[str, ...]]) -> None:
    error = pull.fails(*small_disk("size=10m,ro"))

    assert error.startswith(f"{pull.repository} must take the models of {URL}, got ")
    assert "Read-only file system" in error


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "a\\b", "SHA256SUMS"])
def test_checksums_of_files_outside_the_version(pull: Pull, put: Put, path: str) -> None:
    put("digits/1/SHA256SUMS", f"{'0' * 64}  {path}\n".encode())

    assert pull.fails() == (
        f"{URL}/digits/1/SHA256SUMS: line 1 must name a file inside the version, got {path!r}; write it inside that "
        "folder\n"
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "must name every file of the version, got none"),
        (b"model.onnx\n", "line 1 must be a SHA-256, two spaces and a path, got 'model.onnx'"),
        (f"{'0' * 64}  a\n{'1' * 64}  ./a\n".encode(), "must name each file once, got one twice"),
        (b"\xff\n", "line 1 must be a SHA-256, two spaces and a path, got '\ufffd'"),
        (b"#" * 1024 * 1024 + b"#", "must have at most 1048576 bytes, got 1048577"),
    ],
)
def test_checksums_that_are_none(pull: Pull, put: Put, content: bytes, told: str) -> None:
    put("digits/1/SHA256SUMS", content)

    error = pull.fails()
    assert error.startswith(f"{URL}/digits/1/SHA256SUMS")
    assert told in error


def test_other_checksums_than_those_pinned(pull: Pull, published: Path) -> None:
    got = hashlib.sha256((published / "digits" / "1" / "SHA256SUMS").read_bytes()).hexdigest()

    assert pull.but(MODEL_VERSION="1", MODEL_SOURCE_SHA256="a" * 64).fails() == (
        f"{URL}/digits/1/SHA256SUMS must have the pinned SHA-256 {'a' * 64}, got {got}; pin that one if this is the "
        "version you mean\n"
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{}", 'must be like {"version": "2", "previous": ["1"]}, got {}; write it again'),
        (b'{"version": ".."}', "must name a folder"),
    ],
)
def test_an_active_version_that_is_none(pull: Pull, put: Put, content: bytes, told: str) -> None:
    put("digits/active.json", content)

    assert f"{URL}/digits/active.json {told}" in pull.fails()


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"MODEL_SOURCE": "gs://models"}, "MODEL_SOURCE must be s3://bucket/prefix or https://"),
        ({"MODEL_SOURCE": ""}, "MODEL_SOURCE must be the URL of a model repository"),
        ({"MODEL_SOURCE": f"s3://{BUCKET}/../other"}, "MODEL_SOURCE must be s3://bucket/prefix or https://"),
        (
            {"MODEL_SOURCE": "https://abc.blob.core.windows.net/models", "AZURE_STORAGE_ACCOUNT_KEY": "not base64"},
            "the variables of https://abc.blob.core.windows.net/models's cloud must be right, got ",
        ),
        ({"MODEL_NAME": "../digits"}, "must each name a folder, got ../digits"),
        ({"MODEL_VERSION": ".."}, "must each name a folder, got .."),
        ({"MODEL_SOURCE_SHA256": "a" * 64}, "MODEL_SOURCE_SHA256 needs MODEL_VERSION"),
        ({"MODEL_SOURCE_SHA256": "abc", "MODEL_VERSION": "1"}, "MODEL_SOURCE_SHA256 must match"),
    ],
)
def test_a_wrong_setting_is_the_servers_exit_code_for_one(pull: Pull, variables: dict[str, str], told: str) -> None:
    outcome = pull.but(**variables).run()

    assert outcome.code == 2
    assert told in outcome.error
    assert outcome.error.count("\n") == 1


def test_a_repository_that_belongs_to_somebody_else(pull: Pull) -> None:
    pull.repository.write_text("a file")

    outcome = pull.run()
    assert outcome.code == 1
    assert outcome.error.startswith(f"{pull.repository} must take the models of {URL}, got ")
    assert os.strerror(17) in outcome.error
