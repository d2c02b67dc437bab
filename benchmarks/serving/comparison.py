"""Ours against the best peer and the limit; and whether a run's peers were as fast as they are known to be."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.serving.cases import Case, ModelName, Payload
from benchmarks.serving.contenders import LIMIT, LIMIT_REFERENCE, OURS, Contender
from benchmarks.serving.results import ByRound, Results
from benchmarks.serving.spread import Spread, ratio

KNOWN_CASE = Case(ModelName.TINY, Payload.JSON, 64)
"""The case of every contender's known figure."""

TUNED = 0.9
"""The share of its known figure below which a peer counts as badly tuned or disturbed, and the run as void."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case of the table; the figures are requests/s."""

    case: Case
    ours: Spread | None
    peer: str | None
    best: Spread | None
    over_peer: Spread | None
    limit: Spread | None
    over_limit: Spread | None


def compare(results: Results, case: Case) -> Row:
    """The row of a case; the best peer is the one with the greatest median."""
    ours, limit = results.rates(OURS, case), _limit(results, case)
    peer = _best(results, case)
    theirs = results.rates(peer, case) if peer else {}
    return Row(
        case=case,
        ours=_spread(ours),
        peer=peer,
        best=_spread(theirs),
        over_peer=ratio(ours, theirs),
        limit=_spread(limit),
        over_limit=ratio(ours, limit),
    )


def shortfalls(results: Results, contenders: Sequence[Contender]) -> list[str]:
    """A line for each peer below `TUNED` of its known figure, scaled to this machine by the limit: they void a run."""
    limit = _spread(results.rates(LIMIT, KNOWN_CASE))
    if limit is None:
        return []
    scale = limit.median / LIMIT_REFERENCE
    lines = (_shortfall(results, contender, scale) for contender in contenders)
    return [line for line in lines if line]


def _shortfall(results: Results, contender: Contender, scale: float) -> str | None:
    measured = _spread(results.rates(contender.name, KNOWN_CASE))
    if measured is None or contender.known is None:
        return None
    wanted = TUNED * contender.known * scale
    if measured.median >= wanted:
        return None
    return f"{contender.name} made {measured.median:,.0f} requests/s, at least {wanted:,.0f} were expected"


def _limit(results: Results, case: Case) -> ByRound:
    return results.rates(LIMIT, case) if case.model is ModelName.TINY else results.ceiling(case.model)


def _best(results: Results, case: Case) -> str | None:
    peers = {each.contender for each in results.measurements} - {OURS, LIMIT}
    medians = {peer: spread.median for peer in sorted(peers) if (spread := _spread(results.rates(peer, case)))}
    return max(medians, key=lambda peer: medians[peer], default=None)


def _spread(rates: ByRound) -> Spread | None:
    return Spread.of(rates.values()) if rates else None
