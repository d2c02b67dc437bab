"""A chart in the place of KEDA's, which no package registry carries: its definitions and a pod."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from infra.addons import keda
from infra.versions import pinned
from tests.engine.charts import chart, push
from tests.registry import Registry

VALUES = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values", "namespace": keda.NAMESPACE}}
OPERATOR: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "keda-operator"},
    "spec": {
        "selector": {"matchLabels": {"app": "keda-operator"}},
        "template": {
            "metadata": {"labels": {"app": "keda-operator"}},
            "spec": {
                "containers": [
                    {
                        "name": "operator",
                        "image": f"ghcr.io/kedacore/keda:{pinned()['charts']['keda']['version']}",
                        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    }
                ],
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            },
        },
    },
}


def push_keda(registry: Registry, definitions: Sequence[Mapping[str, Any]]) -> None:
    """A chart that brings KEDA's definitions and a pod, and keeps the values it was given."""
    version = pinned()["charts"]["keda"]["version"]
    files = {
        "values.yaml": "replicas: 1",
        "definitions.yaml": yaml.safe_dump_all(definitions),
        "templates/definitions.yaml": '{{ .Files.Get "definitions.yaml" }}',
        "templates/operator.yaml": yaml.safe_dump(OPERATOR),
        "templates/values.yaml": f"{yaml.safe_dump(VALUES)}data:\n  values: {{{{ .Values | toJson | quote }}}}\n",
    }
    push(registry, "keda", version, chart("keda", version, files))
