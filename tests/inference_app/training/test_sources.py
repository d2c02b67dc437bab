"""Images in an object store, of which the real server is Moto's."""

import importlib
import io
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference_app.training.__main__ import main
from tests.s3_server import s3_server

BUCKET = "photos"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Generator[Any]:
    """A client of an S3 server with an empty bucket; the environment leads to it."""
    with s3_server() as url:
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        boto3: Any = importlib.import_module("boto3")  # without types
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client
        client.close()


def png(seed: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 4), np.uint8)).save(content, "PNG")
    return content.getvalue()


def fill(s3: Any) -> None:
    for number in range(20):
        label = "cat" if number % 2 else "dog"
        s3.put_object(Bucket=BUCKET, Key=f"2026/pets/{label}/{number}.png", Body=png(number))


def test_a_prefix_of_a_bucket_is_read_like_a_folder(
    s3: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(s3)
    s3.put_object(Bucket=BUCKET, Key="2026/others/owl/1.png", Body=b"not of this prefix")

    assert main(["data", "--from", f"s3://{BUCKET}/2026/pets", "--into", str(tmp_path / "data")]) == 0

    found = json.loads((tmp_path / "data" / "data.json").read_text())
    assert found["name"] == "pets"
    assert found["labels"] == ["cat", "dog"]
    assert found["examples"][0]["file"] == "cat/1.png"
    assert len(found["examples"]) == 20
    assert capsys.readouterr().err == ""


def test_a_bad_object_is_named(s3: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(s3)
    s3.put_object(Bucket=BUCKET, Key="2026/pets/dog/0.png", Body=png(0)[:50])

    assert main(["data", "--from", f"s3://{BUCKET}/2026/pets", "--into", str(tmp_path / "data")]) == 1
    assert "dog/0.png: the PNG image is damaged" in capsys.readouterr().err


def test_a_bucket_that_is_not_there_is_one_clear_line(
    s3: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del s3
    assert main(["data", "--from", "s3://nobodys/pets", "--into", str(tmp_path / "data")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("s3://nobodys/pets must be there and readable, got NoSuchBucket")
