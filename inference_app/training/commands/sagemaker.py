"""Pack a version as SageMaker's model.tar.gz, upload it, and register it in a model package group."""

import argparse
import re
from pathlib import Path

from inference_app.contract import S3_URL
from inference_app.staging import files
from inference_app.training.errors import TrainingError
from inference_app.training.published import Published, published


def arguments(parser: argparse.ArgumentParser) -> None:
    """The version, and where to."""
    parser.add_argument("version", type=Path, help="folder <repository>/<name>/<version>")
    parser.add_argument("--into", type=Path, help="archive to write (default: build/<name>-<version>.tar.gz)")
    parser.add_argument("--to", type=_bucket, metavar="S3_URL", help="upload it below s3://bucket/prefix, and register")
    parser.add_argument("--image", help="with --to: the server's image in ECR, best by digest")
    parser.add_argument("--group", help="with --to: model package group (default: the model's name)")


def run(options: argparse.Namespace) -> int:
    """Says where the archive is, and the package's ARN; credentials and region are those of AWS's own tools."""
    if options.to and not options.image:
        raise TrainingError("--image must name the image that serves the model where --to is given, got none")
    version = published(options.version)
    archive = options.into or Path("build") / f"{version.metadata.name}-{version.metadata.version}.tar.gz"
    _write(version, archive)
    print(f"{archive}: {version.metadata.name} {version.metadata.version}, {archive.stat().st_size:,} bytes")  # noqa: T201
    return _register(options, version, archive) if options.to else 0


def _write(version: Published, archive: Path) -> None:
    from inference_app.training.sagemaker import pack

    archive.parent.mkdir(parents=True, exist_ok=True)
    draft = files.draft_of(archive)
    try:
        with draft.open("wb") as out:
            pack(version, out)
        draft.replace(archive)
    finally:
        files.discard(draft)


def _register(options: argparse.Namespace, version: Published, archive: Path) -> int:
    import boto3
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    from inference_app.training.sagemaker import ARCHIVE, Destination, Registry

    bucket, prefix = options.to
    group = options.group or re.sub(r"[^A-Za-z0-9-]", "-", version.metadata.name)
    to = Destination(bucket=bucket, prefix=prefix, group=group, image=options.image)
    try:
        arn, is_new = Registry(boto3.client("s3"), boto3.client("sagemaker"), to).register(version, archive)
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise TrainingError(
            f"{to.url(version, ARCHIVE)} must be uploaded and registered in {group}, got {error}; see the "
            "credentials, AWS_REGION and the bucket, then run it again"
        ) from None
    print(f"{arn} {'is new, and waits for approval' if is_new else 'stands'}")  # noqa: T201
    print(f"its model data: {to.url(version, ARCHIVE)}")  # noqa: T201
    return 0


def _bucket(text: str) -> tuple[str, str]:
    found = re.fullmatch(S3_URL, text.rstrip("/"))
    if not found:
        raise argparse.ArgumentTypeError(f"must be s3://bucket/prefix, got {text}")
    return found["bucket"], found["prefix"]
