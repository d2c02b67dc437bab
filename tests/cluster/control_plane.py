"""etcd, a Kubernetes API server, its controllers and its scheduler on loopback, and KWOK in the place of kubelets."""

import json
import ssl
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.cluster.api import Api, condition
from tests.cluster.objects import applied
from tests.processes import HOST, Process, free_port, until
from tests.programs.built import program, source

TOKEN = "of-the-tests"


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """A certificate authority with one certificate for all of loopback, as files."""

    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """A running control plane; programs that join it take `kubeconfig`, `certificates` and `folder`."""

    api: Api
    url: str
    folder: Path
    kubeconfig: Path
    certificates: Certificates
    processes: Sequence[Process]

    @contextmanager
    def serving(self, group_version: str, port: int, processes: Sequence[Process] = ()) -> Generator[None]:
        """The API server asks a program on loopback for `group/version`, from when that answers until the context ends.

        https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/
        """
        group, _, version = group_version.partition("/")
        name = f"{version}.{group}"
        service: dict[str, Any] = {"name": name.replace(".", "-"), "namespace": "kube-system"}
        # The API server refuses endpoints on loopback, but goes where a name leads it.
        spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
        registration = {
            "group": group,
            "version": version,
            "service": {**service, "port": port},
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
        }
        kind = "apiregistration.k8s.io/v1"
        documents = [
            {"apiVersion": "v1", "kind": "Service", "metadata": service, "spec": spec},
            {"apiVersion": kind, "kind": "APIService", "metadata": {"name": name}, "spec": registration},
        ]
        # Gone again at the end: an API that nobody answers for would keep namespaces from ending.
        with applied(self.api, documents):
            answers = lambda: condition(self.api.get(f"{kind} APIService", name), "Available")  # noqa: E731
            until(answers, f"API {group_version}", 60, processes)
            yield


@contextmanager
def control_plane(folder: Path) -> Generator[ControlPlane]:
    """A control plane whose files lie in `folder`; nothing of it is left afterwards. Raises MissingProgramError."""
    certificates = _certificates(folder)
    port, etcd_port, peer_port = free_port(), free_port(), free_port()
    url = f"https://{HOST}:{port}"
    kubeconfig = _kubeconfig(folder, url)
    with ExitStack() as stack:
        etcd = stack.enter_context(_etcd(folder, etcd_port, peer_port))
        server = stack.enter_context(_api_server(folder, port, etcd_port, certificates))
        context = ssl.create_default_context(cafile=certificates.authority)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        client = stack.enter_context(httpx.Client(base_url=url, verify=context, headers=headers, timeout=30))
        until(lambda: _ready(client), "API server that is ready", 60, [etcd, server])
        rest = [stack.enter_context(each) for each in _controllers(folder, kubeconfig, certificates)]
        yield ControlPlane(
            api=Api(client),
            url=url,
            folder=folder,
            kubeconfig=kubeconfig,
            certificates=certificates,
            processes=[etcd, server, *rest],
        )


def _etcd(folder: Path, port: int, peer_port: int) -> Process:
    url, peer = f"http://{HOST}:{port}", f"http://{HOST}:{peer_port}"
    options = {
        "data-dir": folder / "etcd",
        "listen-client-urls": url,
        "advertise-client-urls": url,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
    }
    return Process("etcd", [program("etcd"), *_flags(options), "--unsafe-no-fsync"], folder)


def _api_server(folder: Path, port: int, etcd_port: int, certificates: Certificates) -> Process:
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{TOKEN},tests,tests,"system:masters"\n')
    options = {
        "etcd-servers": f"http://{HOST}:{etcd_port}",
        "bind-address": HOST,
        "advertise-address": HOST,
        "secure-port": port,
        "tls-cert-file": certificates.certificate,
        "tls-private-key-file": certificates.key,
        "token-auth-file": tokens,
        "authorization-mode": "Node,RBAC",
        "allow-privileged": "true",
        "service-cluster-ip-range": "10.200.0.0/16",
        "endpoint-reconciler-type": "none",
        "service-account-issuer": f"https://{HOST}:{port}",
        "service-account-key-file": _service_account_key(folder),
        "service-account-signing-key-file": folder / "service-account.key",
        # So that it may ask other API servers, KEDA's for one, in its users' names.
        "requestheader-client-ca-file": certificates.authority,
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "proxy-client-cert-file": certificates.certificate,
        "proxy-client-key-file": certificates.key,
    }
    return Process("kube-apiserver", [program("kube-apiserver"), *_flags(options)], folder)


def _controllers(folder: Path, kubeconfig: Path, certificates: Certificates) -> list[Process]:
    common = {"kubeconfig": kubeconfig, "leader-elect": "false"}
    manager = {
        **common,
        "root-ca-file": certificates.authority,
        "service-account-private-key-file": folder / "service-account.key",
        "horizontal-pod-autoscaler-sync-period": "5s",
        "secure-port": free_port(),
        "cert-dir": folder / "controller-manager",
    }
    scheduler = {**common, "secure-port": free_port(), "cert-dir": folder / "scheduler"}
    return [
        Process("kube-controller-manager", [program("kube-controller-manager"), *_flags(manager)], folder),
        Process("kube-scheduler", [program("kube-scheduler"), *_flags(scheduler)], folder),
        _kwok(folder, kubeconfig),
    ]


def _kwok(folder: Path, kubeconfig: Path) -> Process:
    """Plays the kubelet of nodes that carry its annotation: heartbeats, and pods that run until they are deleted."""
    module = source("sigs.k8s.io/kwok", "kwok") / "kustomize" / "stage"
    stages = (
        "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
        "node/fast/node-initialize.yaml",
        "pod/fast/pod-ready.yaml",
        "pod/fast/pod-delete.yaml",
    )
    options = {
        "kubeconfig": kubeconfig,
        "manage-all-nodes": "false",
        "manage-nodes-with-annotation-selector": "kwok.x-k8s.io/node=fake",
        "node-lease-duration-seconds": "40",
        "server-address": f"{HOST}:{free_port()}",
    }
    configuration = [argument for stage in stages for argument in ("--config", module / stage)]
    return Process("kwok", [program("kwok"), *_flags(options), *configuration], folder)


def _flags(options: dict[str, Any]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx.TransportError:
        return False


def _certificates(folder: Path) -> Certificates:
    authority = trustme.CA()
    issued = authority.issue_cert(HOST, "localhost", common_name="loopback")
    files = Certificates(authority=folder / "ca.crt", certificate=folder / "tls.crt", key=folder / "tls.key")
    authority.cert_pem.write_to_path(files.authority)
    issued.private_key_pem.write_to_path(files.key)
    for each in issued.cert_chain_pems:
        each.write_to_path(files.certificate, append=True)
    return files


def _service_account_key(folder: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path = folder / "service-account.key"
    path.write_bytes(encoded)
    return path


def _kubeconfig(folder: Path, url: str) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "tests", "cluster": {"server": url, "certificate-authority": str(folder / "ca.crt")}}],
        "users": [{"name": "tests", "user": {"token": TOKEN}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
        "current-context": "tests",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(document))
    return path
