"""How much the model server's namespace may hold."""

from infra.namespaces.limits import Limits, in_bytes
from infra.serving import pod
from infra.serving.redis import memory_limit
from infra.settings.replicas import ROLLOUT_SURGE
from infra.settings.serving import Exposure, ServingSettings
from infra.settings.source import SourceSettings


def serving_limits(settings: ServingSettings, source: SourceSettings | None = None) -> Limits:
    """Room for every replica, for those that a rollout adds, and for as many that are ending: 2 x (max + surge) pods.

    Each track has its own, and so have KServe's transformers; all of them may be rolled out at once. A Redis is a pod
    more.

    A pod that is ending counts until it is gone, for its grace period. On a node that was taken away it counts until
    the controller adds everything up again, up to 5 minutes later (`--resource-quota-sync-period` in
    https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/); all spot nodes may go
    at once, and what replaces their pods must not wait for that.
    """
    front = settings.kserve.transformer if settings.kserve else None
    redis = [memory_limit(settings.cache.memory, persists=False)] if settings.cache and not settings.cache.url else []
    if settings.asynchronous:
        redis.append(memory_limit(settings.asynchronous.memory, persists=True))
    balanced = settings.exposure is Exposure.NETWORK and not settings.gateway
    return Limits(
        pods=2 * (settings.most_pods + (front.max + ROLLOUT_SURGE if front else 0) + len(redis)),
        cpu=settings.resources.cpu,
        memory=max([settings.resources.memory, *redis], key=in_bytes),
        gpus=settings.gpus,
        load_balancers=1 if balanced else 0,
        node_ports=len(pod.ports(settings)) if balanced else 0,
        volume_claims=(source.claims if source else 0) + (1 if settings.asynchronous else 0),
    )
