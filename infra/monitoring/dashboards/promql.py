"""PromQL that only dashboards ask."""

from inference_app import contract
from inference_app.contract import Metric
from infra.monitoring.queries import SCRAPE_SECONDS

STEP_MINUTES = 5
"""How often a quantity is looked at to add it up over the time shown."""


def buckets(metric: Metric, selector: str, window: str) -> str:
    """A histogram's observations per second by bucket, as a heatmap takes them."""
    return f"sum by (le) (rate({metric.name}_bucket{{{selector}}}[{window}]))"


def hours(query: str, window: str) -> str:
    """What `query` finds, times the hours of `window` in which it does: of a number of nodes, their node hours."""
    return f"sum_over_time(({query})[{window}:{STEP_MINUTES}m]) * {STEP_MINUTES} / 60"


def switched(selector: str) -> dict[str, str]:
    """When a server began to answer from another version."""
    done = f'{contract.SWITCHES.name}{{{selector},result="{contract.SwitchResult.SWITCHED}"}}'
    return {"Model switched": f"sum by (model) (increase({done}[{4 * SCRAPE_SECONDS}s])) > 0"}
