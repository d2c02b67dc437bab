"""Redis as a cache: bounded, in memory only."""

from infra.local.service import ServiceArgs
from infra.versions import image

PORT = 6379
OVERHEAD_MIB = 64
"""What Redis takes beside its data."""


def redis(data_mib: int) -> ServiceArgs:
    """A cache of `data_mib` MiB that only the stack's own network reaches (https://redis.io/docs/latest/develop/reference/eviction/)."""
    return ServiceArgs(
        name="redis",
        image=image("redis"),
        user="999:1000",
        memory_mib=data_mib + OVERHEAD_MIB,
        port=PORT,
        command=[
            "redis-server",
            *("--maxmemory", f"{data_mib}mb"),
            *("--maxmemory-policy", "allkeys-lru"),
            *("--appendonly", "no"),
            # Without a value it switches snapshots off; the provider refuses the empty one that it stands for.
            "--save",
        ],
        scratch={"/data": "size=1m"},
        health=["redis-cli", "ping"],
    )
