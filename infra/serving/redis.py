"""A Redis of one pod, in memory or on a volume of its own.

https://redis.io/docs/latest/operate/oss_and_stack/management/config/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
from pulumi_kubernetes.apps.v1 import DeploymentSpecArgsDict
from pulumi_kubernetes.core.v1 import ContainerArgsDict, KeyToPathArgsDict, PodSpecArgsDict, ProbeArgsDict
from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict
from pulumi_kubernetes.networking.v1 import NetworkPolicyPeerArgsDict

from inference_app.contract import REDIS_PORT
from infra.namespaces.limits import in_bytes
from infra.namespaces.network import from_peers, policy
from infra.pods import restricted
from infra.pods.volumes import node_claim_spec
from infra.versions import image

USER_ID = 999
"""The user `redis` of the image."""

PORT_NAME = "redis"
PASSWORD = "password"  # noqa: S105 a key's name
CONFIG_FILE = "redis.conf"
CONFIG, DATA = "/etc/redis", "/data"
MIB = 2**20
OVERHEAD_MIB = 64


class Eviction(StrEnum):
    """What goes when the memory is full (https://redis.io/docs/latest/develop/reference/eviction/)."""

    LEAST_RECENTLY_USED = "allkeys-lru"
    NOTHING = "noeviction"
    """Whatever comes on top is refused."""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A volume, on which every write is before it is confirmed."""

    size: str
    storage_class: str


@dataclass(frozen=True, kw_only=True)
class RedisArgs:
    """`memory` is that of the data; without `storage` they go with the pod. Only pods of `clients` reach it.

    `after` brings the namespace and the nodes.
    """

    namespace: str
    object_name: str
    memory: str
    eviction: Eviction
    clients: Sequence[NetworkPolicyPeerArgsDict]
    after: Sequence[pulumi.Resource]
    storage: Storage | None = None


class Redis(pulumi.ComponentResource):
    """The server, whose password is made here and is a secret: key `password` of the Secret named as the server."""

    password: pulumi.Output[str]

    def __init__(self, name: str, args: RedisArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:Redis", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        metadata: ObjectMetaArgsDict = {
            "name": args.object_name,
            "namespace": args.namespace,
            "labels": labels(args.object_name),
        }
        password = random.RandomPassword(name, length=32, special=False, opts=pulumi.ResourceOptions(parent=self))
        self.password = password.result
        login = {
            PASSWORD: password.result,
            # Not on the command line, which whoever sees the pod sees too.
            CONFIG_FILE: pulumi.Output.concat("requirepass ", password.result, "\n"),
        }
        secret = kubernetes.core.v1.Secret(name, metadata=metadata, string_data=login, opts=child)
        network = policy(labels(args.object_name), ingress=from_peers(args.clients, REDIS_PORT))
        kubernetes.networking.v1.NetworkPolicy(name, metadata=metadata, spec=network, opts=child)
        if args.storage:
            kubernetes.core.v1.PersistentVolumeClaim(
                name,
                metadata=metadata,
                spec=node_claim_spec(args.storage.size, args.storage.storage_class),
                opts=child,
            )
        kubernetes.apps.v1.Deployment(
            name, metadata=metadata, spec=deployment_spec(args, secret.metadata.name.apply(str)), opts=child
        )
        kubernetes.core.v1.Service(
            name,
            metadata=metadata,
            spec={
                "type": "ClusterIP",
                "selector": labels(args.object_name),
                "ports": [{"name": PORT_NAME, "port": REDIS_PORT, "target_port": PORT_NAME}],
            },
            opts=child,
        )
        self.register_outputs({"url": url(args.object_name, args.namespace)})


def url(object_name: str, namespace: str) -> str:
    """Where clients find it; its database 0."""
    return f"redis://{object_name}.{namespace}.svc:{REDIS_PORT}/0"


def labels(object_name: str) -> Mapping[str, str]:
    """Of its objects and its pod."""
    return {"app.kubernetes.io/name": object_name}


def deployment_spec(args: RedisArgs, secret: pulumi.Input[str]) -> DeploymentSpecArgsDict:
    """One pod, and never two on a volume or beside each other with different data."""
    return {
        "replicas": 1,
        "selector": {"match_labels": labels(args.object_name)},
        "strategy": {"type": "Recreate"},
        "revision_history_limit": 5,
        "template": {"metadata": {"labels": labels(args.object_name)}, "spec": pod_spec(args, secret)},
    }


def pod_spec(args: RedisArgs, secret: pulumi.Input[str]) -> PodSpecArgsDict:
    """A pod that the Pod Security level `restricted` admits."""
    data = restricted.claimed("data", args.object_name) if args.storage else restricted.scratch("data", "16Mi")
    items: list[KeyToPathArgsDict] = [{"key": CONFIG_FILE, "path": CONFIG_FILE}]
    return {
        "automount_service_account_token": False,
        "enable_service_links": False,
        "termination_grace_period_seconds": 30,
        "security_context": restricted.pod_security(USER_ID),
        "containers": [container(args, secret)],
        "volumes": [
            data,
            {"name": "config", "secret": {"secret_name": secret, "items": items, "default_mode": 0o440}},
        ],
    }


def container(args: RedisArgs, secret: pulumi.Input[str]) -> ContainerArgsDict:
    """The server alone: the image's entry point would load its search and time series modules."""
    return {
        "name": "redis",
        "image": image("redis"),
        "command": ["redis-server", f"{CONFIG}/{CONFIG_FILE}", *options(args)],
        # What redis-cli, the probes' program, logs in with.
        "env": [{"name": "REDISCLI_AUTH", "value_from": {"secret_key_ref": {"name": secret, "key": PASSWORD}}}],
        "ports": [{"name": PORT_NAME, "container_port": REDIS_PORT}],
        "resources": restricted.resources("100m", memory_limit(args.memory, persists=args.storage is not None)),
        "startup_probe": ping(period=2, failures=60),
        "liveness_probe": ping(period=10, failures=6),
        "readiness_probe": ping(period=5, failures=3),
        "volume_mounts": [
            {"name": "data", "mount_path": DATA},
            {"name": "config", "mount_path": CONFIG, "read_only": True},
        ],
        "security_context": restricted.container_security(),
    }


def options(args: RedisArgs) -> list[str]:
    """Settings that are no secret. Snapshots are off: a volume has every write, and memory none."""
    return [
        *("--maxmemory", str(in_bytes(args.memory))),
        *("--maxmemory-policy", args.eviction.value),
        *("--dir", DATA),
        *(("--appendonly", "yes", "--appendfsync", "always") if args.storage else ("--appendonly", "no")),
        "--save",
        "",
    ]


def memory_limit(data: str, *, persists: bool) -> str:
    """What the pod needs for so much data: a quarter more, since memory is fragmented, and what connections take.

    While Redis writes its log anew, in a process of its own, there may be two copies.
    """
    copies = 2 if persists else 1
    return f"{copies * in_bytes(data) * 5 // (4 * MIB) + OVERHEAD_MIB}Mi"


def ping(*, period: int, failures: int) -> ProbeArgsDict:
    """Asks every `period` seconds; a server that loads its data refuses."""
    return {
        "exec_": {"command": ["redis-cli", "-e", "ping"]},
        "period_seconds": period,
        "timeout_seconds": 5,
        "failure_threshold": failures,
    }
