"""What runs on every cluster of a stack, put together."""

from infra.workloads.cluster import Workloads, run_on

__all__ = ["Workloads", "run_on"]
