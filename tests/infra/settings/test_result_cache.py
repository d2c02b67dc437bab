from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings.result_cache import ResultCacheSettings
from infra.settings.stack import StackSettings
from tests.infra.samples import settings


def cache(**keys: Any) -> ResultCacheSettings:
    return ResultCacheSettings.model_validate(keys)


def mistake(**keys: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        cache(**keys)
    return raised.value.errors()[0]["msg"]


def stack(**serving: Any) -> StackSettings:
    return settings({f"serving.{key}": value for key, value in serving.items()})


def test_a_stack_has_no_cache_unless_it_is_asked_for() -> None:
    serving = settings().serving
    assert serving is not None
    assert serving.cache is None


@pytest.mark.parametrize(
    ("url", "service", "port"),
    [
        (None, None, 6379),
        ("rediss://cache.example.com", None, 6379),
        ("rediss://someone@cache.example.com:6380/3", None, 6380),
        ("redis://redis.caches.svc:7000/0", "caches", 7000),
        ("redis://redis.caches.svc.cluster.local", "caches", 6379),
        ("rediss://redis.caches.svc", "caches", 6379),
    ],
)
def test_a_redis_is_found_where_its_url_says(url: str | None, service: str | None, port: int) -> None:
    made = cache(url=url)
    assert (made.service, made.port) == (service, port)


@pytest.mark.parametrize(
    "url",
    [
        "redis://cache.example.com",
        "rediss://:secret@cache.example.com",
        "rediss://someone:secret@cache.example.com",
        "http://cache",
        "cache",
        "",
        7,
    ],
)
def test_a_url_that_could_be_overheard_or_shows_a_password_is_refused_and_not_shown(url: object) -> None:
    assert mistake(url=url) == "must be as rediss://cache.example.com:6379/0, without a password"


def test_memory_is_only_of_a_redis_that_the_stack_runs() -> None:
    said = mistake(url="rediss://cache.example.com", memory="1Gi")
    assert said == "Value error, memory must be absent where url is given, got 1Gi; remove one"


@pytest.mark.parametrize("keys", [{"ttlSeconds": 0}, {"timeoutMs": 0}, {"timeoutMs": 1001}, {"memory": "1G"}])
def test_numbers_out_of_range_are_refused(keys: dict[str, Any]) -> None:
    assert mistake(**keys)


@pytest.mark.parametrize(
    ("runtime", "more", "reason"),
    [
        ("kserve", {}, "the stack's own pods alone are let out to it"),
        (
            "tensorflow-serving",
            {"tensorFlowServing": {"image": "tensorflow/serving@sha256:" + "0" * 64}},
            "it keeps no answers",
        ),
    ],
)
def test_runtimes_that_have_no_cache_refuse_one(runtime: str, more: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as raised:
        stack(cache={}, runtime=runtime, **more)
    assert f"serving.cache must be absent where serving.runtime is {runtime}, got a block: {reason}" in str(
        raised.value
    )
