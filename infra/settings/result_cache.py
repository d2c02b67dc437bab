"""The `serving.cache` block."""

import re
from typing import Annotated, Self

from pydantic import Field, model_validator

from inference_app.contract import REDIS_PORT, REDIS_URL
from infra.settings.model import ByteQuantity, Settings, unit
from infra.settings.secrets import unshown

_SERVICE = re.compile(r"[a-z0-9-]+\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?")


def _is_redis(value: object) -> bool:
    """Whether it is a Redis whose answers nobody reads on their way: by TLS, or within the cluster."""
    match = re.fullmatch(REDIS_URL, value) if isinstance(value, str) else None
    return match is not None and (match["scheme"] == "rediss" or _SERVICE.fullmatch(match["host"]) is not None)


class ResultCacheSettings(Settings):
    """Answers to inputs that come again, kept in Redis; pays for models of milliseconds (docs/server.md)."""

    url: (
        Annotated[str, unshown(_is_redis, "must be as rediss://cache.example.com:6379/0, without a password")] | None
    ) = None
    """A Redis of your own, as `rediss://cache.example.com:6379/0`; without TLS only a Service of the cluster's. Its
    password is the secret `RESULT_CACHE_PASSWORD` of `serving.secrets`. Absent, the stack runs one."""
    memory: ByteQuantity = "256Mi"
    """Most memory of the data of the Redis that the stack runs; past it the keys used least recently go."""
    ttl_seconds: Annotated[int, Field(ge=1), unit("seconds")] = 3600
    """How long an answer is kept."""
    timeout_ms: Annotated[float, Field(gt=0, le=1000), unit("milliseconds")] = 5
    """How long a request waits for Redis before it goes to the model instead."""

    @model_validator(mode="after")
    def _memory_is_of_a_redis_of_the_stacks(self) -> Self:
        if self.url and "memory" in self.model_fields_set:
            raise ValueError(f"memory must be absent where url is given, got {self.memory}; remove one")
        return self

    @property
    def service(self) -> str | None:
        """The namespace of a Redis of somebody else's in the cluster."""
        match = _SERVICE.fullmatch(self._place[0]) if self.url else None
        return match[1] if match else None

    @property
    def port(self) -> int:
        """Where Redis listens."""
        return self._place[1] if self.url else REDIS_PORT

    @property
    def _place(self) -> tuple[str, int]:
        match = re.fullmatch(REDIS_URL, self.url or "")
        return (match["host"], int(match["port"] or REDIS_PORT)) if match else ("", REDIS_PORT)
