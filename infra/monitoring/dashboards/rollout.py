"""Is the new version as good as the old one?"""

from dataclasses import dataclass

from inference_app import contract
from infra.monitoring import queries
from infra.monitoring.dashboards import promql
from infra.monitoring.dashboards.panel import PERCENTILES, RATE, Board, Colour, Kind, Panel, Row, Unit
from infra.monitoring.dashboards.subject import Subject


@dataclass(frozen=True)
class Sides:
    """What is compared: its name, the labels that tell one from the other, their legend, and the predictions."""

    name: str
    by: str
    legend: str
    predictions: str


def board(subject: Subject) -> Board:
    """Tracks, where there are any, and model versions side by side."""
    tracks = [Row("Tracks", _tracks(subject))] if subject.by_track else []
    return Board(
        name="rollout",
        title="Rollout",
        description="Tracks and model versions side by side: their share of the traffic, errors and latency.",
        rows=[*tracks, Row("Versions", _versions(subject)), Row("Switches", _switches(subject))],
        events=promql.switched(subject.selector),
    )


def _tracks(subject: Subject) -> list[Panel]:
    by, legend = queries.TRACK_LABEL, f"{{{{{queries.TRACK_LABEL}}}}}"
    sides = Sides("track", by, legend, subject.predictions)
    return [
        _share(sides, "It follows the route's weights; before all pods are ready it may not."),
        _failed(sides, subject),
        Panel(
            title="Ready pods by track",
            description="Pods that are ready for predictions. A track gets traffic only for as many as it has.",
            unit=Unit.COUNT,
            width=8,
            queries={legend: f"sum by ({by}) ({contract.READY.name}{{{subject.pods}}})"},
            alert="NoServerReady",
        ),
        _slow(sides, subject),
        Panel(
            title="Refused (429) by track",
            description="Predictions turned away because the queue was full. On a new track it means that its weight "
            "rose before its pods did.",
            unit=Unit.REQUESTS,
            queries={legend: queries.rate(contract.REJECTED, subject.models, RATE, by)},
            alert="RequestsRefused",
        ),
    ]


def _versions(subject: Subject) -> list[Panel]:
    # Requests for no model, or for none that there is, have no version.
    sides = Sides("version", "model, version", "{{model}} {{version}}", f'{subject.predictions},version!=""')
    by, legend = sides.by, sides.legend
    return [
        _share(sides, "During a switch one takes over from the other within seconds."),
        _failed(sides, subject),
        Panel(
            title="Pods by version",
            description="Pods in which a version answers. Two versions of a model at once are a rollout under way.",
            unit=Unit.COUNT,
            width=8,
            queries={legend: f"count by ({by}) ({contract.MODEL_INFO.name}{{{subject.models}}})"},
        ),
        _slow(sides, subject),
        Panel(
            title="Answers by version",
            description="Predictions of each version by status code: 4xx clients' mistakes, 429 refused, 5xx errors.",
            unit=Unit.REQUESTS,
            queries={f"{legend} {{{{code}}}}": queries.rate(contract.REQUESTS, sides.predictions, RATE, f"{by}, code")},
        ),
    ]


def _switches(subject: Subject) -> list[Panel]:
    columns = ", ".join([*([queries.TRACK_LABEL] if subject.by_track else []), *contract.MODEL_INFO.labels])
    took, here = contract.LOAD_DURATION.name, subject.models
    switched = f"increase({contract.SWITCHES.name}{{{subject.models}}}[{RATE}])"
    return [
        Panel(
            title="Switches",
            description="Attempts to bring another version into service. A failed one leaves the old version "
            "answering; the server's log says why.",
            unit=Unit.COUNT,
            width=8,
            queries={"{{model}} {{result}}": f"sum by (model, result) ({switched})"},
            alert="ModelSwitchFailed",
        ),
        Panel(
            title="Time to load a version",
            description="Mean of loading, warming up and proving a version, since the pods began. A new pod is "
            "ready no sooner.",
            unit=Unit.SECONDS,
            width=8,
            queries={
                "{{model}} mean": f"sum by (model) ({took}_sum{{{here}}}) / sum by (model) ({took}_count{{{here}}})"
            },
        ),
        Panel(
            title="What answers",
            description="Model versions that answer now, on which execution provider, and in how many pods.",
            unit=Unit.COUNT,
            kind=Kind.TABLE,
            width=8,
            queries={"pods": f"count by ({columns}) ({contract.MODEL_INFO.name}{{{subject.models}}})"},
            alert="WrongExecutionProvider",
        ),
    ]


def _share(sides: Sides, more: str) -> Panel:
    each, whole = (queries.rate(contract.REQUESTS, sides.predictions, RATE, by) for by in (sides.by, ""))
    return Panel(
        title=f"Share of traffic by {sides.name}",
        description=f"Which part of the predictions each {sides.name} answered. {more}",
        unit=Unit.SHARE,
        width=8,
        queries={sides.legend: f"{each} / on () group_left () {whole}"},
        stacked=True,
        most=1,
    )


def _failed(sides: Sides, subject: Subject) -> Panel:
    return Panel(
        title=f"Server errors by {sides.name}",
        description=f"Share of each {sides.name}'s predictions answered with 5xx; the dashed line is the objective. "
        "More on the new one than on the old: take its weight back.",
        unit=Unit.SHARE,
        width=8,
        queries={sides.legend: queries.error_ratio(sides.predictions, RATE, sides.by)},
        limits={subject.settings.objectives.error_percent / 100: Colour.RED},
        alert="HighErrorRate",
    )


def _slow(sides: Sides, subject: Subject) -> Panel:
    return Panel(
        title=f"Latency by {sides.name}",
        description=f"Percentiles of each {sides.name}; the dashed line is the objective of the 95th. Compare one with "
        "few requests over a longer time.",
        unit=Unit.SECONDS,
        queries={
            f"{sides.legend} p{q}": queries.quantile(
                contract.REQUEST_DURATION, sides.predictions, RATE, q / 100, sides.by
            )
            for q in PERCENTILES
        },
        limits={subject.settings.objectives.p95_latency_ms / 1000: Colour.RED},
        exemplars=True,
        alert="HighLatency",
    )
