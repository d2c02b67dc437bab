"""A version as SageMaker takes it: `model.tar.gz` in S3, and a model package that waits for somebody's approval.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-version.html
"""

import gzip
import json
import logging
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from inference_app.pull import checksums
from inference_app.training.published import Published

logger = logging.getLogger(__name__)

ARCHIVE, METRICS = "model.tar.gz", "metrics.json"
CONTENT_TYPES = ("application/json", "text/csv", "application/x-npy")
"""Of requests to `/invocations`, beside images, whose types are many."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where a package goes: a folder of a bucket, a model package group, and the server's image."""

    bucket: str
    prefix: str
    group: str
    image: str

    def key(self, version: Published, file: str) -> str:
        """Another one for other bytes, so that nothing is written over what a package names."""
        metadata = version.metadata
        parts = (self.prefix.strip("/"), metadata.name, metadata.version, version.checksum, file)
        return "/".join(part for part in parts if part)

    def url(self, version: Published, file: str) -> str:
        """The URL of a file in the bucket."""
        return f"s3://{self.bucket}/{self.key(version, file)}"


def pack(version: Published, out: BinaryIO) -> None:
    """Write a version as a repository of one model, which the container reads; the same version gives the same bytes.

    Raises `OSError`.
    """
    name, number = version.metadata.name, version.metadata.version
    with (
        gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        record = json.dumps({"version": number, "previous": []}).encode()
        archive.addfile(_entry(f"{name}/active.json", len(record)), BytesIO(record))
        archive.addfile(_entry(f"{name}/{number}/{checksums.FILE}", len(version.sums)), BytesIO(version.sums))
        for file in version.files:
            path = version.folder / file
            with path.open("rb") as content:
                archive.addfile(_entry(f"{name}/{number}/{file}", path.stat().st_size), content)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """Of nobody and of no time; the container's user, who is not its owner, reads it."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry


class Registry:
    """A model package group and the bucket of its archives; methods raise botocore's errors."""

    def __init__(self, s3: Any, sagemaker: Any, to: Destination) -> None:
        self._s3, self._sagemaker, self._to = s3, sagemaker, to

    def register(self, version: Published, archive: Path) -> tuple[str, bool]:
        """The package's ARN, and whether it is new: the same bytes are registered once."""
        if found := self._found(version):
            return found, False
        self._upload(version, archive)
        self._make_group()
        made = self._sagemaker.create_model_package(**package(version, self._to))
        return made["ModelPackageArn"], True

    def _found(self, version: Published) -> str | None:
        """The newest package with those bytes and that image; each is told apart by its description."""
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=self._to.group, SortBy="CreationTime", SortOrder="Descending"
        )
        try:
            for summary in (summary for page in pages for summary in page["ModelPackageSummaryList"]):
                if summary.get("ModelPackageDescription") == description(version, self._to):
                    return summary["ModelPackageArn"]
        except ClientError as error:
            if not _is_absent(error):
                raise
        return None

    def _upload(self, version: Published, archive: Path) -> None:
        logger.info("Uploading %s (%s bytes)", self._to.url(version, ARCHIVE), f"{archive.stat().st_size:,}")
        self._s3.upload_file(str(archive), self._to.bucket, self._to.key(version, ARCHIVE))
        self._s3.put_object(
            Bucket=self._to.bucket,
            Key=self._to.key(version, METRICS),
            Body=json.dumps(version.metadata.metrics).encode(),
            ContentType="application/json",
        )

    def _make_group(self) -> None:
        try:
            self._sagemaker.describe_model_package_group(ModelPackageGroupName=self._to.group)
        except ClientError as error:
            if not _is_absent(error):
                raise
            self._sagemaker.create_model_package_group(ModelPackageGroupName=self._to.group)


def package(version: Published, to: Destination) -> Mapping[str, Any]:
    """What `CreateModelPackage` is told.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html
    """
    statistics = {"ContentType": "application/json", "S3Uri": to.url(version, METRICS)}
    return {
        "ModelPackageGroupName": to.group,
        "ModelPackageDescription": description(version, to),
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [{"Image": to.image, "ModelDataUrl": to.url(version, ARCHIVE)}],
            "SupportedContentTypes": list(CONTENT_TYPES),
            "SupportedResponseMIMETypes": ["application/json"],
        },
        "ModelMetrics": {"ModelQuality": {"Statistics": statistics}},
        "CustomerMetadataProperties": {"version": version.metadata.version, "checksum": version.checksum},
    }


def description(version: Published, to: Destination) -> str:
    """For people, and the whole of what makes a package another."""
    metadata = version.metadata
    return f"{metadata.name} {metadata.version}, checksum {version.checksum}, image {to.image}"


def _is_absent(error: ClientError) -> bool:
    """SageMaker has no code of its own for a group that is not there."""
    told = error.response.get("Error", {})
    return told.get("Code") == "ResourceNotFound" or "does not exist" in told.get("Message", "")
