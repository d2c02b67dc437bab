"""A service's dashboards: one structure, of which Grafana's JSON, the queries of tests and the pictures are made."""

from collections.abc import Sequence

from infra.monitoring.dashboards import batching, cost, gpu, rollout, service
from infra.monitoring.dashboards.grafana import to_json
from infra.monitoring.dashboards.panel import Board
from infra.monitoring.dashboards.subject import GpuNodes, Subject

__all__ = ["Board", "GpuNodes", "Subject", "boards", "dashboards"]


def boards(subject: Subject) -> Sequence[Board]:
    """Every dashboard that there is something to show on."""
    of_gpus = [gpu.board(subject), cost.board(subject, subject.gpus)] if subject.gpus else []
    return [service.board(subject), batching.board(subject), rollout.board(subject), *of_gpus]


def dashboards(subject: Subject) -> dict[str, str]:
    """Grafana's JSON by the name of its file, which no other service's has; the same text at every run."""
    return {f"{subject.name}-{board.name}.json": to_json(board, subject) for board in boards(subject)}
