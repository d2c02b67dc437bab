from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from inference_app.contract import Env
from infra.namespaces.limits import limit_range_spec, quota_spec
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.serving import guard, pod, result_cache
from infra.serving.limits import serving_limits
from infra.serving.result_cache import ResultCache, ResultCacheArgs
from infra.serving.track import LABELS
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings
from tests.infra.samples import on_cluster

ELSEWHERE = {"url": "rediss://cache.example.com:6380/0"}
IN_CLUSTER = {"url": "redis://redis.caches.svc:7000/0"}


def serving(cache: Mapping[str, object] | None = None, **changes: object) -> ServingSettings:
    return ServingSettings.model_validate({"namespace": "predictions", "cache": cache, **changes}, strict=False)


def told(settings: ServingSettings) -> dict[str, str]:
    found = pod.environment(ModelSettings(name="digits"), settings)
    return {name: value for name, value in found.items() if name.startswith("RESULT_CACHE")}


def ways(settings: ServingSettings) -> Any:
    args = guard.NetworkArgs(settings=settings, labels=LABELS, ports=[8080], network_cidr="192.0.2.0/24")
    return guard.network_spec(args).get("egress", [])


@pytest.fixture(scope="module")
def plan() -> Plan:
    def build(_: object, opts: pulumi.ResourceOptions) -> None:
        after = [random.RandomId("namespace", byte_length=1)]
        ResultCache("cache", ResultCacheArgs(settings=serving({}), memory="1Gi", after=after), opts)

    return on_cluster(build)


def test_the_stacks_redis_forgets_what_is_asked_for_least_and_only_the_servers_reach_it(plan: Plan) -> None:
    (container,) = plan.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]["spec"]["containers"]
    (opening,) = plan.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]["ingress"]

    assert " ".join(container["command"][2:6]) == f"--maxmemory {2**30} --maxmemory-policy allkeys-lru"
    assert [each["podSelector"]["matchLabels"] for each in opening["from"]] == [LABELS]
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_the_server_is_told_where_the_stacks_redis_is_and_finds_its_password_there(plan: Plan) -> None:
    settings, service = serving({"ttlSeconds": 60}), plan.one("kubernetes:core/v1:Service").inputs
    metadata, (port,) = service["metadata"], service["spec"]["ports"]
    secret = plan.one("kubernetes:core/v1:Secret").inputs

    assert told(settings) == {
        Env.RESULT_CACHE_URL: f"redis://{metadata['name']}.{metadata['namespace']}.svc:{port['port']}/0",
        Env.RESULT_CACHE_TTL_SECONDS: "60",
        Env.RESULT_CACHE_TIMEOUT_MS: "5.0",
    }
    (variable,) = result_cache.password(settings)
    source: Any = variable.get("value_from")
    assert (variable["name"], source["secret_key_ref"]["name"]) == (
        Env.RESULT_CACHE_PASSWORD,
        secret["metadata"]["name"],
    )
    assert source["secret_key_ref"]["key"] in secret["stringData"]


@pytest.mark.parametrize(("cache", "variables"), [({}, 1), (ELSEWHERE, 0), (None, 0)])
def test_only_the_stacks_own_redis_brings_a_password_of_its_own(
    cache: Mapping[str, object] | None, variables: int
) -> None:
    assert len(result_cache.password(serving(cache))) == variables


def test_a_server_without_a_cache_is_told_nothing_and_goes_nowhere() -> None:
    assert (told(serving()), ways(serving())) == ({}, [])


def test_the_server_reaches_redis_and_nothing_else() -> None:
    own, foreign, service = (ways(serving(cache))[1:] for cache in ({}, ELSEWHERE, IN_CLUSTER))

    assert own[0]["to"][0]["pod_selector"] == {"match_labels": {"app.kubernetes.io/name": "result-cache"}}
    assert service[0]["to"][0]["namespace_selector"]["match_labels"] == {"kubernetes.io/metadata.name": "caches"}
    assert [each["ports"][0]["port"] for each in (*own, *foreign, *service)] == [6379, 6380, 7000]
    assert foreign[0]["to"][0] == {"ip_block": {"cidr": "0.0.0.0/0"}}


def test_the_namespace_has_room_for_a_redis_larger_than_the_server() -> None:
    small = {"resources": {"cpu": "1", "memory": "512Mi"}, "replicas": {"min": 1, "max": 2}}
    without, own = (serving_limits(serving(cache, **small)) for cache in (ELSEWHERE, {"memory": "1Gi"}))

    assert own.pods == without.pods + 2
    assert limit_range_spec(own)["limits"][0]["max"] == {"memory": "1344Mi"}  # type: ignore[index]
    assert quota_spec(without)["hard"]["limits.memory"] == f"{512 * without.pods}Mi"  # type: ignore[index]
