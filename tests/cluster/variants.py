"""Stacks that together switch every option on that makes a Kubernetes object or changes one."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.cluster.stacks import DIGEST, IMAGE, Stack, planned, shipped

MANAGED = ("sagemaker", "lambda", "azureMl", "containerInstances")
"""Blocks that serve the models of the image, beside which no others are served."""

AUTOSCALING = {"memoryUtilisation": 80}
SERVING: Mapping[str, Any] = {
    "grpc": True,
    "tracing": {"sampleRatio": 0.1},
    "clientNamespaces": ["shop"],
    "gpuMemoryLimitMib": 2048,
    "cudaGraphs": True,
    "cache": {"memory": "128Mi"},
    "asynchronous": {"replicas": {"min": 0, "max": 1}},
    "autoscaling": AUTOSCALING,
}
EVERYTHING: Mapping[str, Mapping[str, Any]] = {
    "model": {"version": "1", "batching": {"maxSize": 8, "maxDelayMs": 1}, "maxBodyMib": 8},
    "serving": SERVING,
    "training": {"schedule": "0 3 * * 1", "model": {"size": "5Gi"}},
    "mlflow": {"clientNamespaces": ["notebooks"]},
    "monitoring": {"tracing": {"clientNamespaces": ["shop"]}, "prices": {"g6.xlarge": {"spot": 0.4, "onDemand": 0.9}}},
}
LOKI = {"url": "https://logs.example.com", "basicAuth": {"userName": "stack", "password": "loki-password"}}
NFS = {"server": "files.example.com", "path": "/models"}


def on_eks() -> Stack:
    """All that EKS has, with models, data and artefacts in S3."""
    changes = {
        **EVERYTHING,
        "eks": {"gpuTimeSlices": 4},
        "model": {**EVERYTHING["model"], "source": {"url": "s3://models-of-all/a", "sha256": "0" * 64}},
        "training": {**EVERYTHING["training"], "data": {"url": "s3://images-of-all/digits"}},
        "mlflow": {"artifacts": {"size": None, "url": "s3://runs-of-all/mlflow"}},
    }
    return shipped("prod", changes, without=("aks", *MANAGED))


def on_aks() -> Stack:
    """All that AKS has, with models, data and artefacts in Blob Storage."""
    blob = "https://storeofall.blob.core.windows.net"
    changes = {
        **EVERYTHING,
        "azure": {"storageAccounts": {"storeofall": "shared"}},
        "aks": {"gpuTimeSlices": 2},
        "model": {**EVERYTHING["model"], "source": {"url": f"{blob}/models"}},
        "training": {**EVERYTHING["training"], "data": {"url": f"{blob}/images/digits"}},
        "mlflow": {"artifacts": {"size": None, "url": f"{blob}/runs"}},
    }
    return shipped("prod", changes, without=("eks", *MANAGED))


def elsewhere() -> Stack:
    """A cluster of nobody's cloud: NFS, HashiCorp Vault, a database that is there already, no GPU."""
    config: dict[str, Any] = {
        "existing": {
            "context": "lab",
            "networkCidr": "10.8.0.0/16",
            "storageClass": "encrypted",
            "sharedStorageClass": "shared",
            "loadBalancer": {"class": "example.com/balancer", "annotations": {"example.com/internal": "true"}},
        },
        "image": {"repository": "registry.example.com/model-server", "variant": "cpu", "digest": DIGEST},
        "model": {"name": "digits", "source": {"nfs": NFS}},
        "secrets": {"vault": {"server": "https://vault.example.com:8200", "role": "model-server"}},
        "serving": {
            "gpus": 0,
            "workers": 2,
            "replicas": {"min": 2, "max": 4},
            "exposure": "network",
            "secrets": {"ADMIN_TOKEN": "model-server-admin-token", "RESULT_CACHE_PASSWORD": "redis-password"},
            "tracing": {"endpoint": "http://collector.company.svc:4318"},
            "cache": {"url": "redis://redis.company.svc:6379/0"},
            "access": {"viewers": ["people"], "deployers": ["people"]},
        },
        "training": {
            "image": f"registry.example.com/training@{DIGEST}",
            "gpus": 0,
            "model": {"size": None, "nfs": NFS},
            "data": {"nfs": {"server": "files.example.com", "path": "/images"}},
        },
        "mlflow": {"database": {"size": None, "external": {"secret": "company-database"}}},
        "backups": {"url": "s3://backups-of-all/stacks"},
        "security": {"falco": {}, "trivy": {}},
        "monitoring": {
            "logs": {"loki": LOKI, "namespaces": ["serving"]},
            "notifications": {"warning": {"webhook": {"url": "alerts-webhook"}}},
        },
    }
    return planned("inference-platform", "elsewhere", config)


def volume() -> Stack:
    """Models on a volume that the stack makes."""
    return shipped("prod", {"model": {"source": {"size": "5Gi"}}}, without=("aks", *MANAGED))


def image() -> Stack:
    """Models in an image that is mounted as a volume."""
    source = {"image": f"registry.example.com/models@{DIGEST}"}
    return shipped("prod", {"model": {"source": source}}, without=("aks", *MANAGED))


STABLE = {"weight": 90, "modelVersion": "1", "replicas": {"min": 3, "max": 6, "minOutsideOfficeHours": 1}}
CANARY = {"weight": 10, "modelVersion": "2", "image": f"{IMAGE}@{DIGEST}", "replicas": {"min": 1, "max": 2}}
CANARIES = {"stable": STABLE, "canary": CANARY}
FLIP = {
    "blue": {"weight": 100, "modelVersion": "1", "replicas": {"min": 2, "max": 4}},
    "green": {"weight": 0, "modelVersion": "2", "replicas": {"min": 2, "max": 4}},
}
ACME = {"email": "ml-platform@example.com", "route53": {"zoneId": "Z0123456789ABCDEFGHIJ"}}
JWT = {
    "issuer": "https://login.example.com",
    "audiences": ["predictions"],
    "jwksUrl": "https://login.example.com/keys",
}


def serving(**changes: Any) -> Stack:
    """Prod's model on EKS, served otherwise."""
    return shipped("prod", {"serving": changes}, without=("aks", "training", "mlflow", "backups", "security", *MANAGED))


def rollout(traffic: str, tracks: Mapping[str, Any] = CANARIES, **changes: Any) -> Stack:
    """Two versions side by side, over HTTP and gRPC."""
    return serving(grpc=True, rollout={"traffic": traffic, "tracks": tracks}, **changes)


def tensorflow_serving() -> Stack:
    """SavedModels out of S3."""
    image = {"image": f"tensorflow/serving:2.20.0-gpu@{DIGEST}"}
    changes = {
        "model": {"version": "3", "source": {"url": "s3://models-of-all/saved"}, "batching": {"maxSize": 32}},
        "serving": {"runtime": "tensorflow-serving", "tensorFlowServing": image},
    }
    return shipped("dev", changes, without=MANAGED)


def delivered(owner: str) -> Stack:
    """A canary behind a gateway on a cluster of nobody's cloud, with Argo CD as its owner or about to be."""
    keys = {"apiKeys": {"shop": "key-of-shop"}}
    config: dict[str, Any] = {
        "existing": {"context": "lab", "networkCidr": "10.8.0.0/16", "storageClass": "encrypted"},
        "image": {"repository": "registry.example.com/model-server", "variant": "cpu", "digest": DIGEST},
        "model": {"name": "digits"},
        "officeHours": {"timeZone": "Europe/Dublin"},
        "secrets": {"vault": {"server": "https://vault.example.com:8200", "role": "model-server"}},
        "serving": {
            "gpus": 0,
            "rollout": {"traffic": "gateway-api", "tracks": CANARIES},
            "gateway": {"hostName": "predict.example.com", "tls": {"clusterIssuer": "own"}, "authentication": keys},
        },
        "delivery": {
            "owner": owner,
            "argocd": {"repository": "https://git.example.com/ml/manifests.git", "token": "git-token"},
        },
    }
    return planned("inference-platform", "delivered", config)


STACKS: Mapping[str, Callable[[], Stack]] = {
    "dev": lambda: shipped("dev"),
    "prod": lambda: shipped("prod"),
    "everything on EKS": on_eks,
    "everything on AKS": on_aks,
    "everything elsewhere": elsewhere,
    "models on a volume": volume,
    "models in an image": image,
    "canary behind a gateway": lambda: rollout("gateway-api"),
    "a gateway with tokens and a public certificate": lambda: serving(
        gateway={"tls": {"stored": None, "acme": ACME}, "authentication": {"apiKeys": None, "jwt": JWT}}
    ),
    "canary in Istio": lambda: rollout("istio", exposure="cluster", gateway=None),
    "canary in Linkerd": lambda: rollout("linkerd", exposure="cluster", gateway=None),
    "blue and green": lambda: rollout("blue-green", FLIP, gateway=None),
    "KServe": lambda: serving(runtime="kserve"),
    "KServe with a transformer": lambda: serving(runtime="kserve", kserve={"transformer": {"min": 1, "max": 2}}),
    "TensorFlow Serving": tensorflow_serving,
    "left to Argo CD": lambda: delivered("argocd"),
}
