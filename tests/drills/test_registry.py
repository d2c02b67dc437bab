"""Images come back from a copy of a registry that is gone, under the digests that stacks name them by."""

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.registry import PROGRAM, registry

NEEDED = (PROGRAM, "skopeo")
MISSING = [program for program in NEEDED if shutil.which(program) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"{' and '.join(MISSING)} needed: install Debian's packages of that name"),
]
REPOSITORY = "team/model-server"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def image(folder: Path) -> str:
    """An OCI layout with one small image; its digest (https://github.com/opencontainers/image-spec)."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("model.onnx"), io.BytesIO())
    files = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(archive.getvalue()).hexdigest()}"]}
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": files}).encode()
    layer = "application/vnd.oci.image.layer.v1.tar+gzip"
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [blob(gzip.compress(archive.getvalue(), mtime=0), layer)],
    }
    described = blob(json.dumps(manifest).encode(), MANIFEST)
    (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    return str(described["digest"])


def copy(source: str, target: str) -> None:
    """As the runbook does it, but that registries on loopback have no TLS."""
    options = ["--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"]
    subprocess.run(["skopeo", "copy", "--all", *options, source, target], check=True, capture_output=True, timeout=60)


def test_an_image_of_a_lost_registry_has_its_digest_again_in_another(tmp_path: Path) -> None:
    digest = image(tmp_path / "layout")
    kept = f"dir:{tmp_path / 'kept'}"
    with registry(tmp_path / "lost") as lost:
        copy(f"oci:{tmp_path / 'layout'}", f"docker://{lost.address}/{REPOSITORY}:cuda")
        copy(f"docker://{lost.address}/{REPOSITORY}@{digest}", kept)
    shutil.rmtree(tmp_path / "lost")

    with registry(tmp_path / "restored") as restored, restored.client() as client:
        copy(kept, f"docker://{restored.address}/{REPOSITORY}:cuda")
        answer = client.get(f"/v2/{REPOSITORY}/manifests/{digest}", headers={"Accept": MANIFEST})
        layers = answer.json()["layers"]
        bytes_of = [client.get(f"/v2/{REPOSITORY}/blobs/{each['digest']}").content for each in layers]

    assert answer.headers["Docker-Content-Digest"] == digest
    assert [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in bytes_of] == [
        each["digest"] for each in layers
    ]
