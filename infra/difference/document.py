"""The differences as Markdown, which reads well on a terminal too."""

import itertools
import json
import re
from collections.abc import Iterator, Sequence

from infra.comment import MARK
from infra.cost.difference import difference_report
from infra.cost.report import dollars
from infra.difference.change import Action, Change, Edit
from infra.difference.compared import Compared
from infra.preview.manifests import RELEASE, is_object
from infra.preview.wire import Plain

LARGEST = 60_000
"""Characters; GitHub takes 65,536 in a comment (https://github.com/orgs/community/discussions/41331)."""
WIDTH = 120
EDITS = 20
"""Lines that one resource may take."""

SIGNS = {Action.CREATE: "+", Action.UPDATE: "!", Action.REPLACE: "!", Action.DELETE: "-"}
"""What a `diff` block colours green, orange and red."""


def document(revision: str, stacks: Sequence[Compared], largest: int | None = None) -> str:
    """All that differs from `revision`; with `largest`, in characters, the last details are left out for it."""
    head = [*_head(revision, stacks)]
    blocks = [block for each in stacks for block in _stack(revision, each)]
    room = None if largest is None else largest - sum(len(line) + 1 for line in head) - len(_left_out(0))
    kept = blocks[: _fitting(blocks, room)]
    missing = len(blocks) - len(kept)
    return "\n".join([*head, *kept, *([_left_out(missing)] if missing else [])]) + "\n"


def _head(revision: str, stacks: Sequence[Compared]) -> Iterator[str]:
    yield from (MARK, f"### What becomes of the stacks, against `{revision}`", "")
    yield "| stack | create | update | replace | delete | manifests | refused | US dollars a month |"
    yield "|---|--:|--:|--:|--:|--:|---|--:|"
    for each in stacks:
        counts = [str(each.count(action) or "") for action in Action]
        more = f"{_signed(each.more.minimum)} to {_signed(each.more.maximum)}" if each.costs_other else ""
        cells = [each.stack, *counts, str(len(each.manifests) or ""), "**yes**" if each.is_refused else "no", more]
        yield f"| {' | '.join(cells)} |"
    yield from ("", "From the offline preview, which knows no state: `make preview` asks the engine.", "")


def _stack(revision: str, compared: Compared) -> Iterator[str]:
    if compared.is_same:
        return
    yield f"#### {compared.stack}\n"
    if compared.error:
        yield fenced(compared.error)
    if compared.after.findings:
        yield fenced("\n".join(compared.after.findings))
    if compared.changes:
        yield fenced("\n".join(line for change in compared.changes for line in _lines(change)), "diff")
    before, after = compared.before.cost, compared.after.cost
    if before and after and compared.costs_other:
        yield fenced("\n".join(difference_report(revision, before, after)))
    yield from (_folded(each) for each in compared.manifests)


def _lines(change: Change) -> Iterator[str]:
    sign, resource = SIGNS[change.action], change.resource
    word = "" if change.action is Action.UPDATE else f"  ({change.action})"
    protected = "  [protected]" if resource.protect else ""
    yield f"{sign} {resource.type}  {resource.name}{word}{protected}"
    # What else an object of Kubernetes has differently stands in its manifest.
    in_manifest = is_object(resource) or resource.type == RELEASE
    shown = [edit for edit in change.edits if edit.replaces or edit.path.startswith("option ") or not in_manifest]
    yield from (f"{sign}     {_told(edit)}" for edit in shown[:EDITS])
    if len(shown) > EDITS:
        yield f"{sign}     and {len(shown) - EDITS} more"


def _told(edit: Edit) -> str:
    why = "  (replaces it)" if edit.replaces else ""
    return f"{edit.path}: {_short(edit.before)} -> {_short(edit.after)}{why}"


def _short(value: Plain) -> str:
    text = "absent" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}..."


def _folded(diff: str) -> str:
    first, second, _ = diff.split("\n", 2)
    name = (second if first.endswith("/dev/null") else first).split(" ", 1)[1]
    return f"<details><summary><code>{name}</code></summary>\n\n{fenced(diff, 'diff')}\n</details>\n"


def fenced(text: str, language: str = "") -> str:
    """`text` as a code block that nothing in it ends."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"


def _fitting(blocks: Sequence[str], room: int | None) -> int:
    """How many of the first blocks fit."""
    if room is None:
        return len(blocks)
    sums = itertools.accumulate(len(block) + 1 for block in blocks)
    return sum(size <= room for size in sums)


def _left_out(count: int) -> str:
    return (
        f"**{count:,} parts are left out**: the whole is in the pipeline's artefact, and `make difference` prints it."
    )


def _signed(amount: float) -> str:
    return f"{'+' if amount >= 0 else '-'}{dollars(abs(amount))}"
