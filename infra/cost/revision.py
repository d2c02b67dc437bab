"""What a stack of another revision of the repository costs."""

from pathlib import Path

from infra.cost.estimate import Estimate, estimate
from infra.cost.prices import PriceTable
from infra.cost.terms import terms
from infra.preview.revision import checked_out, plan_at
from infra.preview.stack_file import load


def estimate_at(root: Path, revision: str, stack: str, table: PriceTable) -> Estimate:
    """Price the stack `stack` of another revision of the repository in `root` by `table`.

    Raises `RevisionError` for an unknown revision, one without that stack, and one whose preview fails.
    """
    with checked_out(root, revision) as folder:
        return estimate(plan_at(folder, revision, stack), table, terms(load(folder, stack)))
