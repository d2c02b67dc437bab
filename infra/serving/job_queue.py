"""Where jobs of asynchronous inference and their answers are kept: a Redis that evicts nothing, on a volume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import EnvVarArgsDict, EnvVarSourceArgsDict
from pulumi_kubernetes.networking.v1 import NetworkPolicyEgressRuleArgsDict

from inference_app.contract import REDIS_PORT, Env
from infra.namespaces.network import peer, to_peer
from infra.serving import redis
from infra.serving.redis import Eviction, Redis, RedisArgs, Storage
from infra.serving.track import LABELS, WORKER_LABELS
from infra.settings.asynchronous import AsynchronousSettings
from infra.settings.serving import ServingSettings

NAME = "job-queue"
KIB = 1024


@dataclass(frozen=True, kw_only=True)
class JobQueueArgs:
    """`scaler_namespace` is KEDA's, whose pods ask how many jobs there are; `after` brings it, the settings' own and
    the nodes.
    """

    settings: ServingSettings
    asynchronous: AsynchronousSettings
    storage_class: str
    scaler_namespace: str
    after: Sequence[pulumi.Resource]


class JobQueue(pulumi.ComponentResource):
    """Redis for the servers that take jobs, the workers that run them, and KEDA, which counts them."""

    def __init__(self, name: str, args: JobQueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:JobQueue", name, None, opts)
        namespace = args.settings.namespace
        made = Redis(
            name,
            RedisArgs(
                namespace=namespace,
                object_name=NAME,
                memory=args.asynchronous.memory,
                eviction=Eviction.NOTHING,
                clients=[peer(namespace, LABELS), peer(namespace, WORKER_LABELS), peer(args.scaler_namespace)],
                after=args.after,
                storage=Storage(size=args.asynchronous.storage, storage_class=args.storage_class),
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self._tell_scaler(name, args, made.password)
        self.register_outputs({"url": redis.url(NAME, namespace)})

    def _tell_scaler(self, name: str, args: JobQueueArgs, password: pulumi.Output[str]) -> None:
        """KEDA reads Secrets in its own namespace alone, so it has a copy there.

        https://keda.sh/docs/latest/concepts/authentication/#clustertriggerauthentication
        """
        login = login_name(args.settings)
        after = pulumi.ResourceOptions(parent=self, depends_on=[*args.after])
        secret = kubernetes.core.v1.Secret(
            f"{name}-scaler",
            metadata={"name": login, "namespace": args.scaler_namespace},
            string_data={redis.PASSWORD: password},
            opts=after,
        )
        kubernetes.apiextensions.CustomResource(
            f"{name}-scaler",
            api_version="keda.sh/v1alpha1",
            kind="ClusterTriggerAuthentication",
            metadata={"name": login},
            spec={"secretTargetRef": [{"parameter": "password", "name": login, "key": redis.PASSWORD}]},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[secret]),
        )


def login_name(settings: ServingSettings) -> str:
    """Of KEDA's copy of the password, and of what tells KEDA to use it."""
    return f"{settings.namespace}-{NAME}"


def address(settings: ServingSettings) -> str:
    """Host and port for those of other namespaces."""
    return f"{NAME}.{settings.namespace}.svc:{REDIS_PORT}"


def environment(settings: ServingSettings) -> Mapping[Env, object]:
    """What servers and workers are told of it, the password aside; values that are None are not."""
    jobs = settings.asynchronous
    return {
        Env.JOBS_URL: jobs and redis.url(NAME, settings.namespace),
        Env.JOBS_MAX_OPEN: jobs and jobs.max_open,
        Env.JOBS_MAX_BODY_BYTES: jobs and jobs.max_body_kib * KIB,
        Env.JOBS_WAIT_SECONDS: jobs and jobs.wait_seconds,
        Env.JOBS_RESULT_TTL_SECONDS: jobs and jobs.result_ttl_seconds,
        Env.JOBS_TIMEOUT_SECONDS: jobs and jobs.timeout_seconds,
        Env.JOBS_MAX_ATTEMPTS: jobs and jobs.max_attempts,
        Env.JOBS_CONCURRENCY: jobs and jobs.concurrency,
    }


def password(settings: ServingSettings) -> list[EnvVarArgsDict]:
    """Its password."""
    if settings.asynchronous is None:
        return []
    source: EnvVarSourceArgsDict = {"secret_key_ref": {"name": NAME, "key": redis.PASSWORD}}
    return [{"name": Env.JOBS_PASSWORD.value, "value_from": source}]


def ways_out(settings: ServingSettings) -> list[NetworkPolicyEgressRuleArgsDict]:
    """To Redis."""
    if settings.asynchronous is None:
        return []
    return [to_peer(peer(settings.namespace, redis.labels(NAME)), REDIS_PORT)]
