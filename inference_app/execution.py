"""How a model's calls run: on the event loop, or on how many threads beside it."""

import math
import os
from pathlib import Path
from typing import NamedTuple

from inference_app.contract import Execution, ExecutionProvider
from inference_app.settings import Settings

INLINE_SECONDS = 0.0003
"""A call that is shorter costs less on the event loop than its way to a thread and back would."""

CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
"""A container's quota and period (https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files)."""


class Plan(NamedTuple):
    """`threads` is 0 for inline."""

    kind: Execution
    threads: int
    prepare: bool = False
    """Whether the threads also make their requests' inputs, such as decode images."""


def choose(full_batch_seconds: float, settings: Settings) -> Plan:
    """Inline for a model whose full batch is over before a thread could have started on it, else threads.

    A GPU's calls always get threads: they wait, and the event loop must not. The CPU gets as many threads as its cores
    allow, each call on `intra_op_threads` of them: two calls on one core each do 15 to 40 % more work than one call on
    two, at about 1.6 times the latency of a request that has the machine to itself.

    Where each core has its thread, those prepare their requests as well: threads beside them would take turns with the
    model on the same cores. A GPU, or a predictor, must not wait for that.
    """
    if _is_inline(full_batch_seconds, settings):
        return Plan(Execution.INLINE, 0)
    threads = settings.model_threads or _threads(settings)
    return Plan(Execution.THREADS, threads, prepare=_fill_cores(threads, settings))


def _is_inline(full_batch_seconds: float, settings: Settings) -> bool:
    if settings.execution is not Execution.AUTO:
        return settings.execution is Execution.INLINE
    return settings.execution_provider is ExecutionProvider.CPU and full_batch_seconds < INLINE_SECONDS


def _threads(settings: Settings) -> int:
    if settings.execution_provider is not ExecutionProvider.CPU or not settings.intra_op_threads:
        return 1
    return max(1, cores() // settings.workers // settings.intra_op_threads)


def _fill_cores(threads: int, settings: Settings) -> bool:
    """Whether the model's threads leave no core for others."""
    here = settings.execution_provider is ExecutionProvider.CPU and settings.predictor_url is None
    return here and settings.intra_op_threads == 1 and threads >= cores() // settings.workers


def cores(limit: Path = CPU_LIMIT) -> int:
    """CPUs that this process may use: those it is pinned to, or its container's quota, rounded up, if less."""
    pinned = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # macOS has none
    try:
        quota, period = limit.read_text().split()
    except OSError:
        return pinned  # not in a container of cgroup version 2
    return pinned if quota == "max" else min(pinned, math.ceil(int(quota) / int(period)))
