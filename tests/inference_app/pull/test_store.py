"""One object, asked for in this process."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from inference_app.pull.errors import PullError
from inference_app.pull.store import ObjectStore, reason
from tests.inference_app.pull.conftest import BUCKET, PREFIX
from tests.inference_app.pull.process import Pull

pytestmark = pytest.mark.slow


@pytest.fixture
def store(pull: Pull, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    for name, value in pull.environment.items():
        monkeypatch.setenv(name, value)
    return ObjectStore(f"s3://{BUCKET}/{PREFIX}", 1)


def test_an_object_that_is_replaced_while_it_is_pulled_is_not_mixed_with_the_new_one(
    store: ObjectStore, put: Callable[[str, bytes], None]
) -> None:
    put("weights", b"old content")
    file = store.find("weights")
    assert store.part(file, 0, 4).tobytes() == b"old "
    put("weights", b"new content")

    with pytest.raises(PullError) as raised:
        store.part(file, 4, 11)
    assert str(raised.value) == (
        f"s3://{BUCKET}/{PREFIX}/weights must stay as it is while it is pulled, got another one; start again"
    )


def test_nobody_waits_for_a_store_that_was_closed(
    store: ObjectStore, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    del store
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    unreachable = ObjectStore(pull.environment["MODEL_SOURCE"], 3600)
    unreachable.close()

    with pytest.raises(PullError, match="was given up"):
        unreachable.find("weights")


def test_a_server_does_not_load_what_only_a_pull_needs() -> None:
    program = "import sys, inference_app.__main__; sys.exit('obstore' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "Error performing GET https://a.example.com/x?sv=1&sig=SECRET in 3ms - status code: 403 Forbidden: "
            "<Error><Code>AuthenticationFailed</Code><Message>Wrong.\nTime:1</Message></Error>",
            "AuthenticationFailed: Wrong. Time:1",
        ),
        ("Error performing HEAD https://a.example.com/x?sig=SECRET in 3ms - HTTP error", None),
    ],
)
def test_a_reason_is_one_line_without_a_signature(text: str, told: str | None) -> None:
    found = reason(ValueError(text))

    assert "SECRET" not in found
    assert "\n" not in found
    assert told in (None, found)
