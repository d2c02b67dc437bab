"""What an `up` would take away that another owner is to take over."""

import re
from collections.abc import Sequence

from infra.preview.wire import Plain, is_map
from infra.settings.delivery import Owner
from infra.stack_state import Recorded

_PODS = re.compile(
    r"inference:serving:\w+\$kubernetes:(apps/v1:Deployment|serving\.kserve\.io/v1beta1:InferenceService)::"
)
"""In the URNs of what runs the model; all else of a workload goes and stays with it."""


def is_elsewhere(delivery: Plain) -> bool:
    """Whether a stack file's block `delivery` leaves the workload to another owner."""
    return is_map(delivery) and delivery.get("owner", Owner.PROGRAM) != Owner.PROGRAM


def refusal(stack: str, resources: Sequence[Recorded]) -> str | None:
    """Why another owner cannot take over yet, and what to do; None where `up` deletes no pods."""
    lost = [each.name for each in resources if _PODS.search(each.urn) and not each.retained]
    if not lost:
        return None
    return (
        f"delivery.owner: {Owner.ARGOCD} would delete {', '.join(lost)}, which the program made: write "
        f"delivery.owner: {Owner.PROGRAM} in Pulumi.{stack}.yaml and run `make up STACK={stack}`, so that they stay, "
        "then change it back"
    )
