"""What a server in this process has counted."""

from collections import Counter

from inference_app.metrics import Metrics


def answers(metrics: Metrics, route: str) -> dict[int, int]:
    """A route's answers by status, whichever model they came from, if any."""
    found = Counter[int]()
    for routes in (metrics.routes, *(model.routes for model in metrics.models.values())):
        found.update(routes[route].codes)
    return dict(found)
