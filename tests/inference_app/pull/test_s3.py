"""From S3, to a server that answers."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference_app import repository
from inference_app.process import ServerProcess
from inference_app.pull.download import PART_BYTES
from tests.inference_app.pull.conftest import BUCKET, PREFIX, sums_of
from tests.inference_app.pull.process import Pull
from tests.inference_app.pull.relay import Relay

pytestmark = pytest.mark.slow

# Started from this process it would count this one's memory as its own.
MEASURED = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps({"message": "memory", "bytes": most}))
sys.exit(code)
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_server_starts_from_what_was_pulled(pull: Pull, published: Path) -> None:
    outcome = pull.run()

    assert (outcome.code, outcome.error) == (0, "")
    assert contents(pull.repository / "digits" / "1") == contents(published / "digits" / "1")
    assert not (pull.repository / ".pull").exists()
    with ServerProcess({"MODEL_REPOSITORY": str(pull.repository)}) as server:
        server.until("ready")


def test_the_log_says_what_came_how_much_of_it_and_how_fast(pull: Pull, published: Path) -> None:
    outcome = pull.run()
    (began,), (ended,) = outcome.entries("pulling"), outcome.entries("complete")

    assert began["url"] == f"s3://{BUCKET}/{PREFIX}/digits/1"
    assert ended["pulled"] == ["digits/1"]
    assert ended["size_bytes"] == began["size_bytes"] == sum(map(len, contents(published / "digits" / "1").values()))
    assert ended["duration_seconds"] > 0


def test_a_pinned_version_is_pulled_and_the_active_one_is_not_asked_for(pull: Pull, s3: Any) -> None:
    s3.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/digits/active.json")

    assert pull.but(MODEL_VERSION="1").run().code == 0
    assert repository.find(pull.repository, "digits", "1").metadata.version == "1"


def test_further_models_come_in_their_active_versions(
    pull: Pull, put: Callable[[str, bytes], None], tmp_path: Path
) -> None:
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"a model")
    put("words/active.json", b'{"version": "7"}')
    put("words/7/model.onnx", b"a model")
    put("words/7/SHA256SUMS", sums_of(folder).encode())

    outcome = pull.but(EXTRA_MODELS="words").run()

    assert outcome.code == 0, outcome.error
    assert pull.served() == ["digits/1", "digits/active.json", "words/7", "words/active.json"]
    assert (pull.repository / "words" / "7" / "model.onnx").read_bytes() == b"a model"


def test_a_second_pull_finds_everything_there_and_asks_nobody(pull: Pull) -> None:
    assert pull.run().code == 0
    before = {path: path.stat().st_mtime_ns for path in pull.repository.rglob("*")}

    outcome = pull.but(AWS_ENDPOINT_URL_S3="http://127.0.0.1:1").run()

    assert outcome.code == 0, outcome.error
    assert outcome.entries("complete")[0]["pulled"] == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_was_spoilt_since_it_was_pulled_is_pulled_again(pull: Pull, published: Path) -> None:
    assert pull.run().code == 0
    model = pull.repository / "digits" / "1" / "model.onnx"
    model.write_bytes(model.read_bytes()[:-1])

    outcome = pull.run()

    assert outcome.code == 0, outcome.error
    assert outcome.entries("files are not as they were pulled")[0]["files"] == ["model.onnx"]
    assert contents(pull.repository / "digits" / "1") == contents(published / "digits" / "1")


def test_a_pinned_list_of_checksums_holds_for_what_is_there_too(pull: Pull, published: Path) -> None:
    sums = (published / "digits" / "1" / "SHA256SUMS").read_bytes()
    pinned = pull.but(MODEL_VERSION="1", MODEL_SOURCE_SHA256=hashlib.sha256(sums).hexdigest())

    assert pinned.run().code == 0
    assert pinned.run().entries("complete")[0]["pulled"] == []
    assert pinned.but(MODEL_SOURCE_SHA256="0" * 64).run().code == 1


def test_large_files_come_in_parts_within_bounded_memory(
    pull: Pull, put: Callable[[str, bytes], None], tmp_path: Path
) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    body = bytes(range(256)) * (16 * PART_BYTES // 256) * 2 + b"the end"
    (folder / "weights.bin").write_bytes(body)
    (folder / "nothing").touch()
    for name in ("weights.bin", "nothing"):
        put(f"digits/2/{name}", (folder / name).read_bytes())
    put("digits/2/SHA256SUMS", sums_of(folder).encode())

    outcome = pull.but(MODEL_VERSION="2").run(sys.executable, "-c", MEASURED)

    assert outcome.code == 0, outcome.error
    assert (pull.repository / "digits" / "2" / "weights.bin").read_bytes() == body
    assert (pull.repository / "digits" / "2" / "nothing").read_bytes() == b""
    assert outcome.log[-1]["bytes"] < 0.8 * len(body)


def test_what_fails_for_a_while_is_asked_again(pull: Pull, relay: Relay, published: Path) -> None:
    relay.refused, relay.cut, relay.cut_after = 2, 2, 2000

    outcome = pull.but(AWS_ENDPOINT_URL_S3=relay.url, MODEL_SOURCE_RETRY_SECONDS="20").run()

    assert outcome.code == 0, outcome.error
    assert (relay.refused, relay.cut) == (0, 0)
    assert outcome.entries("trying again")
    assert contents(pull.repository / "digits" / "1") == contents(published / "digits" / "1")


def test_a_pull_that_is_killed_leaves_nothing_to_serve_and_the_next_one_completes(
    pull: Pull, relay: Relay, published: Path
) -> None:
    relay.hold_after = 20_000  # more than any file but the model
    process = pull.but(AWS_ENDPOINT_URL_S3=relay.url).start()
    assert relay.held.wait(30)
    process.kill()
    process.communicate()

    assert (pull.repository / ".pull" / "digits" / "1").is_dir()
    assert pull.served() == []
    assert pull.run().code == 0
    assert contents(pull.repository / "digits" / "1") == contents(published / "digits" / "1")
    assert not (pull.repository / ".pull").exists()
