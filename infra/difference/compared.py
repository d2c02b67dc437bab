"""Two sides of each stack, set against each other."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pulumi

from infra.cost.row import Range
from infra.difference import rendered, side
from infra.difference.change import Action, Change, changes
from infra.difference.side import Side
from infra.preview import PreviewError
from infra.preview.revision import checked_out


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What becomes of one stack; `error` says why nobody knows."""

    stack: str
    before: Side
    after: Side
    changes: Sequence[Change] = ()
    manifests: Sequence[str] = ()
    """A unified diff of each object that differs."""
    error: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether the stack as it is now cannot be made."""
        return bool(self.error or self.after.refused)

    @property
    def is_same(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.changes or self.manifests or self.after.findings or self.error or self.costs_other)

    @property
    def more(self) -> Range:
        """US dollars that a month costs more."""
        return _total(self.after) - _total(self.before)

    @property
    def costs_other(self) -> bool:
        """Whether that is a cent or more."""
        return any(self.more.to_json().values())

    def count(self, action: Action) -> int:
        """How many resources `up` does that to."""
        return sum(change.action is action for change in self.changes)


def compare(root: Path, revision: str) -> Iterator[Compared]:
    """Compare each stack in `root` with `revision`, which is previewed beside this one.

    Raises `RevisionError` for a revision that git cannot read.
    """
    with checked_out(root, revision) as folder, ThreadPoolExecutor(max_workers=1) as beside:
        names = side.stacks(root, folder)
        earlier = {name: beside.submit(side.there, folder, revision, name) for name in names}
        for name in names:
            yield _compared(root, name, earlier[name])


def _compared(root: Path, stack: str, earlier: Future[Side]) -> Compared:
    try:
        after = side.here(root, stack)
        before = earlier.result()
    except (PreviewError, pulumi.RunError) as error:
        return Compared(stack=stack, before=Side(), after=Side(), error=str(error))
    return Compared(
        stack=stack,
        before=before,
        after=after,
        changes=changes(before.resources, after.resources),
        manifests=list(rendered.differences(before.manifests, after.manifests)),
    )


def _total(of: Side) -> Range:
    return of.cost.total if of.cost else Range()
