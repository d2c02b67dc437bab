"""Charts for Helm, in a registry on loopback."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

import httpx
import yaml

from tests.registry import Registry

REPOSITORY = "charts"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def chart(name: str, version: str, files: Mapping[str, str]) -> bytes:
    """The archive of a chart with these files (https://helm.sh/docs/topics/charts/#the-chart-file-structure)."""
    about = {"apiVersion": "v2", "name": name, "version": version}
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        for path, text in {"Chart.yaml": yaml.safe_dump(about), **files}.items():
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return written.getvalue()


def push(registry: Registry, name: str, version: str, archive: bytes) -> None:
    """Put a chart where `oci://<address>/charts` finds it (https://helm.sh/docs/topics/registries/)."""
    path = f"/v2/{REPOSITORY}/{name}"
    config = json.dumps({"name": name, "version": version}).encode()
    with registry.client() as client:
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _blob(client, path, config, "application/vnd.cncf.helm.config.v1+json"),
            "layers": [_blob(client, path, archive, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
        }
        headers = {"Content-Type": MANIFEST}
        client.put(f"{path}/manifests/{version}", json=manifest, headers=headers).raise_for_status()


def _blob(client: httpx.Client, path: str, content: bytes, media_type: str) -> dict[str, Any]:
    """https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs"""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    upload = client.post(f"{path}/blobs/uploads/").raise_for_status().headers["Location"]
    client.put(httpx.URL(upload).copy_merge_params({"digest": digest}), content=content).raise_for_status()
    return {"mediaType": media_type, "digest": digest, "size": len(content)}
