"""The `serving.asynchronous` block."""

from typing import Annotated

from pydantic import Field

from infra.settings.model import ByteQuantity, MinMax, Settings, unit


class WorkerReplicaSettings(MinMax):
    """How many workers run; KEDA moves between the bounds by the jobs that have no answer."""

    min: Annotated[int, Field(ge=0), unit("replicas")] = 1
    """Fewest workers; at 0 the first job waits for a pod, with a GPU for a node as well."""
    max: Annotated[int, Field(ge=1), unit("replicas")] = 2
    """Most workers; beside the servers, and with one extra for a rollout, they must fit the GPU pools."""


class AsynchronousSettings(Settings):
    """Jobs: requests that are answered later, by workers of their own (docs/asynchronous.md)."""

    replicas: WorkerReplicaSettings = WorkerReplicaSettings()
    """Bounds of the number of workers."""
    jobs_per_worker: Annotated[int, Field(ge=1, le=10_000), unit("jobs")] = 64
    """Jobs without an answer for each worker; more add workers."""
    scale_down_seconds: Annotated[int, Field(ge=0, le=3600), unit("seconds")] = 300
    """Seconds with fewer jobs before workers go."""
    concurrency: Annotated[int | None, Field(ge=1, le=1024), unit("jobs")] = None
    """Jobs that one worker has in hand; at least a full batch. Absent means the server's default."""
    timeout_seconds: Annotated[float, Field(ge=1, le=3600), unit("seconds")] = 30
    """How long one attempt may take; a job of a worker that was lost comes back after 5 or 6 times as long."""
    max_attempts: Annotated[int, Field(ge=1, le=100), unit("attempts")] = 5
    """How often a job is tried where what stands in its way may pass."""
    max_open: Annotated[int, Field(ge=1, le=1_000_000), unit("jobs")] = 1000
    """Most jobs without an answer; more get 429."""
    max_body_kib: Annotated[int, Field(ge=1, le=65_536), unit("KiB")] = 1024
    """Largest body of a job, which Redis keeps in memory until it has its answer."""
    wait_objective_seconds: Annotated[int, Field(ge=10, le=86_400), unit("seconds")] = 900
    """How long a job may wait for a worker before somebody is told; a GPU node takes minutes to come."""
    wait_seconds: Annotated[int, Field(ge=60, le=2_592_000), unit("seconds")] = 86_400
    """How long a job is kept that gets no answer."""
    result_ttl_seconds: Annotated[int, Field(ge=1, le=2_592_000), unit("seconds")] = 3600
    """How long an answer is kept."""
    memory: ByteQuantity = "1Gi"
    """Most memory of jobs and answers in Redis; where it is full, new jobs get 503 and none is lost."""
    storage: ByteQuantity = "5Gi"
    """Volume of Redis's log, at least three times `memory`: while it is written anew there are two."""
