"""Whether a quota has room."""

import math
from collections.abc import Callable

from infra.preflight.answer import Answer, Status, failed, ok
from infra.preflight.errors import Unanswerable


def room(
    asked: str,
    *,
    needed: int,
    limit: float,
    used: float | Unanswerable,
    unit: str,
    fix: Callable[[int], str],
) -> Answer:
    """Compare, in `unit`s, what the stack needs at its most with what others leave; `used` may say why nobody knows it.

    `fix` makes the request for a quota of so many.
    """
    known = 0.0 if isinstance(used, Unanswerable) else used
    total, found = math.ceil(needed + known), f"{needed} {unit} needed, the quota is {limit:g}"
    if known:
        found += f", others use {known:g}"
    if total > limit:
        return failed(asked, f"{found}: {total - limit:g} short", fix(total))
    if isinstance(used, Unanswerable):
        return Answer(status=Status.UNKNOWN, asked=asked, found=f"{found}; use: {used.came}", fix=used.fix)
    return ok(asked, found)
