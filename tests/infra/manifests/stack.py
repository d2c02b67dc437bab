"""A stack on a cluster of nobody's cloud, whose workload somebody else makes, in a folder of its own."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.infra.samples import DIGEST

ROOT = Path(__file__).parents[3]
REPOSITORY = "https://git.example.com/ml/manifests.git"
CONFIG: Mapping[str, Any] = {
    "existing": {"context": "lab", "networkCidr": "10.8.0.0/16", "storageClass": "encrypted"},
    "image": {"repository": "registry.example.com/model-server", "variant": "cpu", "digest": DIGEST},
    "model": {"name": "digits"},
    "serving": {"gpus": 0, "replicas": {"min": 2, "max": 4}},
    "delivery": {"owner": "argocd", "argocd": {"repository": REPOSITORY, "path": "model-server"}},
}
OBJECTS = {"configmap", "deployment", "horizontalpodautoscaler", "poddisruptionbudget", "service"}


def project(folder: Path, **blocks: Any) -> Path:
    """The repository's program with a stack `lab` of those blocks; one that is None is left out."""
    given = {name: block for name, block in {**CONFIG, **blocks}.items() if block is not None}
    config = {f"inference-platform:{name}": block for name, block in given.items()}
    (folder / "Pulumi.yaml").write_text("name: inference-platform\nruntime: python\n", encoding="utf-8")
    (folder / "Pulumi.lab.yaml").write_text(json.dumps({"config": config}), encoding="utf-8")
    (folder / "__main__.py").write_bytes((ROOT / "__main__.py").read_bytes())
    return folder
