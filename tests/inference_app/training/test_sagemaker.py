"""A version packed, uploaded and registered, on an AWS that `moto` plays."""

import hashlib
import importlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from inference_app import sagemaker as container
from inference_app.pull import checksums
from inference_app.repository import ModelVersion
from inference_app.training.__main__ import main
from inference_app.training.errors import TrainingError
from inference_app.training.published import Published, published
from inference_app.training.sagemaker import Destination, Registry, pack

boto3: Any = importlib.import_module("boto3")  # ships no type information

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/model@sha256:" + "a" * 64
BUCKET = "models"


@pytest.fixture
def version(digits: ModelVersion) -> Published:
    return published(digits.directory)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The bucket, and a client of SageMaker."""
    for name, value in {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "DEFAULT_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield boto3.client("sagemaker")


def packed(version: Published) -> bytes:
    out = io.BytesIO()
    pack(version, out)
    return out.getvalue()


def command(version: Published, folder: Path, *others: str) -> int:
    given = [str(version.folder), "--into", str(folder / "model.tar.gz"), "--to", f"s3://{BUCKET}/team", *others]
    return main(["sagemaker", *given, "--image", IMAGE])


def test_the_same_version_gives_the_same_archive_whenever_its_files_were_written(
    version: Published, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(version.folder, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))

    assert packed(published(copy)) == packed(version)


def test_another_byte_gives_another_archive_and_another_checksum(version: Published, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(version.folder, copy)
    (copy / "golden.json").write_text((copy / "golden.json").read_text() + " ")

    assert packed(published(copy)) != packed(version)
    assert published(copy).checksum != version.checksum


def test_the_container_finds_the_model_under_its_own_name(version: Published, tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed(version))) as archive:
        archive.extractall(tmp_path, filter="data")

    found = container.environment({"SM_MODEL_DIR": str(tmp_path)})
    assert (found["MODEL_NAME"], found["MODEL_VERSION"]) == ("digits", "1")
    folder = tmp_path / "digits" / "1"
    assert checksums.wrong_files(folder, checksums.parse((folder / checksums.FILE).read_bytes(), "here")) == []


def test_a_package_waits_for_approval_and_names_image_data_and_metrics(
    aws: Any, version: Published, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(version, tmp_path) == 0

    (summary,) = aws.list_model_packages(ModelPackageGroupName="digits")["ModelPackageSummaryList"]
    found = aws.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    (described,) = found["InferenceSpecification"]["Containers"]
    assert described["Image"] == IMAGE
    assert content(described["ModelDataUrl"]) == packed(version)
    metrics = found["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    assert json.loads(content(metrics)) == version.metadata.metrics
    printed = capsys.readouterr().out
    assert summary["ModelPackageArn"] in printed
    assert described["ModelDataUrl"] in printed


def test_the_same_version_is_registered_once_and_another_image_is_another_package(
    aws: Any, version: Published, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(version, tmp_path)
    command(version, tmp_path)
    printed = capsys.readouterr().out
    assert printed.count("is new, and waits for approval") == 1
    assert printed.count(" stands\n") == 1

    command(version, tmp_path, "--group", "others")
    s3 = boto3.client("s3")
    newer = Destination(bucket=BUCKET, prefix="team", group="digits", image=IMAGE.replace("a" * 64, "b" * 64))
    assert Registry(s3, aws, newer).register(version, tmp_path / "model.tar.gz")[1]
    assert len(aws.list_model_packages(ModelPackageGroupName="digits")["ModelPackageSummaryList"]) == 2
    assert len(aws.list_model_packages(ModelPackageGroupName="others")["ModelPackageSummaryList"]) == 1


def test_what_aws_refuses_is_told_in_one_line(
    aws: Any, version: Published, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(
        ["sagemaker", str(version.folder), "--into", str(tmp_path / "a"), "--to", "s3://nobodys", "--image", IMAGE]
    )

    error = capsys.readouterr().err
    assert status == 1
    assert error.startswith("s3://nobodys/digits/1/")
    assert "NoSuchBucket" in error
    assert error.count("\n") == 1
    assert aws.list_model_package_groups()["ModelPackageGroupSummaryList"] == []


def test_without_a_destination_the_archive_alone_is_written(version: Published, tmp_path: Path) -> None:
    assert main(["sagemaker", str(version.folder), "--into", str(tmp_path / "build" / "model.tar.gz")]) == 0

    assert (tmp_path / "build" / "model.tar.gz").read_bytes() == packed(version)
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["model.tar.gz"]


def test_a_model_that_is_not_what_its_metadata_say_is_not_packed(version: Published, tmp_path: Path) -> None:
    copy = tmp_path / "1"
    shutil.copytree(version.folder, copy)
    (copy / "model.onnx").write_bytes(b"another")

    with pytest.raises(TrainingError, match=f"has SHA-256 {hashlib.sha256(b'another').hexdigest()}, its metadata says"):
        published(copy)


def content(url: str) -> bytes:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
