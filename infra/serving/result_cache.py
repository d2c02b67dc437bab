"""Where the model server keeps answers: a Redis of the stack's own, or one that the settings name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import EnvVarArgsDict
from pulumi_kubernetes.networking.v1 import NetworkPolicyEgressRuleArgsDict

from inference_app.contract import Env
from infra.namespaces.network import peer, to_anywhere, to_peer
from infra.serving import redis
from infra.serving.redis import Eviction, Redis, RedisArgs
from infra.serving.track import LABELS
from infra.settings.serving import ServingSettings

NAME = "result-cache"


@dataclass(frozen=True, kw_only=True)
class ResultCacheArgs:
    """`after` brings the settings' namespace and the nodes."""

    settings: ServingSettings
    memory: str
    after: Sequence[pulumi.Resource]


class ResultCache(pulumi.ComponentResource):
    """A Redis that forgets what is asked for least, for the model server's pods alone."""

    def __init__(self, name: str, args: ResultCacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:ResultCache", name, None, opts)
        namespace = args.settings.namespace
        made = RedisArgs(
            namespace=namespace,
            object_name=NAME,
            memory=args.memory,
            eviction=Eviction.LEAST_RECENTLY_USED,
            clients=[peer(namespace, LABELS)],
            after=args.after,
        )
        Redis(name, made, pulumi.ResourceOptions(parent=self))
        self.register_outputs({"url": redis.url(NAME, namespace)})


def environment(settings: ServingSettings) -> Mapping[Env, object]:
    """What the server is told of it, the password aside; values that are None are not."""
    cache = settings.cache
    return {
        Env.RESULT_CACHE_URL: cache and (cache.url or redis.url(NAME, settings.namespace)),
        Env.RESULT_CACHE_TTL_SECONDS: cache and cache.ttl_seconds,
        Env.RESULT_CACHE_TIMEOUT_MS: cache and cache.timeout_ms,
    }


def password(settings: ServingSettings) -> list[EnvVarArgsDict]:
    """The password of the stack's own Redis; another one's is among `serving.secrets`."""
    if not settings.cache or settings.cache.url:
        return []
    name = Env.RESULT_CACHE_PASSWORD.value
    return [{"name": name, "value_from": {"secret_key_ref": {"name": NAME, "key": redis.PASSWORD}}}]


def ways_out(settings: ServingSettings) -> list[NetworkPolicyEgressRuleArgsDict]:
    """To Redis."""
    cache = settings.cache
    if cache is None:
        return []
    if cache.url is None:
        return [to_peer(peer(settings.namespace, redis.labels(NAME)), cache.port)]
    return [to_peer(peer(cache.service), cache.port) if cache.service else to_anywhere(cache.port)]
