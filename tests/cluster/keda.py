"""KEDA on a control plane: its operator, its metrics adapter and its admission webhook, in the stack's version."""

import os
from base64 import b64encode
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from infra.addons.keda import values
from tests.cluster.control_plane import ControlPlane
from tests.cluster.objects import applied
from tests.processes import HOST, Process, free_port
from tests.programs.built import program

METRICS_API = "external.metrics.k8s.io/v1beta1"
NAMESPACE = "keda"


@contextmanager
def keda(plane: ControlPlane) -> Generator[Sequence[Process]]:
    """KEDA, from when Kubernetes can ask it for metrics until the context is left.

    The service accounts of its chart are left out: it runs with every right.
    """
    webhook_port, ports = free_port(), {"metrics": free_port(), "adapter": free_port()}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    with ExitStack() as stack:
        stack.enter_context(applied(plane.api, [namespace]))
        processes = [stack.enter_context(each) for each in _processes(plane, webhook_port, ports)]
        stack.enter_context(plane.serving(METRICS_API, ports["adapter"], processes))
        stack.enter_context(applied(plane.api, [_webhook(plane.certificates.authority, webhook_port)]))
        yield processes


def _processes(plane: ControlPlane, webhook_port: int, ports: dict[str, int]) -> list[Process]:
    environment = {
        **os.environ,
        "KUBECONFIG": str(plane.kubeconfig),
        "POD_NAMESPACE": NAMESPACE,
        "WATCH_NAMESPACE": "",
        "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE,
        # As the chart tells it to: a Secret that pods take as variables is then none of its business.
        "KEDA_RESTRICT_SECRET_ACCESS": str(values()["permissions"]["operator"]["restrict"]["secret"]).lower(),
    }
    service = f"{HOST}:{ports['metrics']}"
    certificates = {"cert-dir": plane.folder}
    operator = {
        **certificates,
        "kubeconfig": plane.kubeconfig,
        "metrics-service-bind-address": service,
        "enable-webhook-patching": "false",
        "enable-apiservice-patching": "false",
        **_addresses(),
    }
    webhooks = {**certificates, "kubeconfig": plane.kubeconfig, "port": webhook_port, **_addresses()}
    adapter = {
        "port": free_port(),
        "metrics-service-address": f"localhost:{ports['metrics']}",
        "secure-port": ports["adapter"],
        "bind-address": HOST,
        "lister-kubeconfig": plane.kubeconfig,
        "authentication-kubeconfig": plane.kubeconfig,
        "authorization-kubeconfig": plane.kubeconfig,
        "kubeconfig": plane.kubeconfig,
        "client-ca-file": plane.certificates.authority,
        "tls-cert-file": plane.certificates.certificate,
        "tls-private-key-file": plane.certificates.key,
        **certificates,
    }
    return [
        _process("keda-operator", operator, plane.folder, environment),
        _process("keda-webhooks", webhooks, plane.folder, environment),
        _process("keda-adapter", adapter, plane.folder, environment),
    ]


def _addresses() -> dict[str, str]:
    return {
        "metrics-bind-address": f"{HOST}:{free_port()}",
        "health-probe-bind-address": f"{HOST}:{free_port()}",
    }


def _process(name: str, options: dict[str, Any], folder: Path, environment: dict[str, str]) -> Process:
    return Process(name, [program(name), *(f"--{key}={value}" for key, value in options.items())], folder, environment)


def _webhook(authority: Path, port: int) -> dict[str, Any]:
    """As KEDA's chart registers it, but by URL (https://github.com/kedacore/charts/tree/main/keda/templates/webhooks)."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "keda-admission"},
        "webhooks": [
            {
                "name": "vscaledobject.kb.io",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "clientConfig": {
                    "url": f"https://{HOST}:{port}/validate-keda-sh-v1alpha1-scaledobject",
                    "caBundle": b64encode(authority.read_bytes()).decode(),
                },
                "rules": [
                    {
                        "apiGroups": ["keda.sh"],
                        "apiVersions": ["v1alpha1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["scaledobjects"],
                    }
                ],
            }
        ],
    }


def asking(document: Mapping[str, Any], whom: str, **where: str) -> Mapping[str, Any]:
    """A ScaledObject whose triggers of type `whom` ask on loopback; any other object as it is."""
    if document["kind"] != "ScaledObject":
        return document
    triggers = [
        {**each, "metadata": {**each["metadata"], **(where if each["type"] == whom else {})}}
        for each in document["spec"]["triggers"]
    ]
    return {**document, "spec": {**document["spec"], "triggers": triggers}}
