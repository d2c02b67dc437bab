"""Grafana's JSON of a dashboard, through Grafana's own builders."""

import hashlib
from collections.abc import Callable, Iterator, Mapping

from grafana_foundation_sdk.builders import common as options
from grafana_foundation_sdk.builders import dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from inference_app import contract
from infra.monitoring.dashboards.panel import Board, Kind, Panel
from infra.monitoring.dashboards.subject import Subject

TAG = "inference-platform"
SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
FORMATS = {Kind.HEATMAP: PromQueryFormat.HEATMAP, Kind.TABLE: PromQueryFormat.TABLE}
MOST_UID = 40

AnyPanel = timeseries.Panel | stat.Panel | heatmap.Panel | table.Panel


def to_json(board: Board, subject: Subject) -> str:
    """The dashboard's JSON; the same text at every run."""
    return JSONEncoder(sort_keys=True).encode(built(board, subject))


def built(board: Board, subject: Subject) -> model.Dashboard:
    """The dashboard, its panels laid out on the grid."""
    drawn = (
        dashboard.Dashboard(f"{subject.name} / {board.title}")
        .uid(uid(board.name, subject.name))
        .description(board.description)
        .tags([TAG, subject.name])
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-1h", "now")
        .variables([_source(), _choice("model", "Model", subject), _choice("pod", "Pod", subject)])
        .annotations([_event(name, expr) for name, expr in board.events.items()])
        .links([_others(subject)])
    )
    number = 0
    for row in board.rows:
        number += 1
        drawn.with_row(dashboard.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            drawn.with_panel(_panel(panel, subject).id(number))
    return drawn.build()


def uid(board: str, name: str) -> str:
    """Grafana's key of a dashboard, which its address holds: letters, digits and dashes, at most 40."""
    readable = f"{board}-{name}"
    return readable if len(readable) <= MOST_UID else f"{board}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _source() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _choice(name: str, label: str, subject: Subject) -> dashboard.QueryVariable:
    """A filter by the values that a label has among the servers; all of them, and series without it, at first."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(f"label_values({contract.MODEL_INFO.name}{{{subject.selector}}}, {name})")
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(text="All", value="$__all"))
    )


def _event(name: str, expr: str) -> dashboard.AnnotationQuery:
    return dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color("purple").expr(expr)


def _others(subject: Subject) -> dashboard.DashboardLink:
    """A menu of the service's other dashboards, for the same time and choices."""
    return (
        dashboard.DashboardLink(subject.name)
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags([TAG, subject.name])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def _panel(panel: Panel, subject: Subject) -> AnyPanel:
    drawn = (
        _OF_KIND[panel.kind](panel)
        .title(panel.title)
        .description(panel.description)
        .datasource(SOURCE)
        .span(panel.width)
        .height(panel.height)
        .unit(panel.unit)
        .links([*_runbook(panel, subject.settings.runbooks)])
    )
    if panel.decimals is not None:
        drawn.decimals(panel.decimals)
    for index, (legend, expr) in enumerate(panel.queries.items()):
        drawn.with_target(_query(panel, legend, expr).ref_id(chr(ord("A") + index)))
    if panel.limits:
        drawn.thresholds(_thresholds(panel))
    return drawn


def _query(panel: Panel, legend: str, expr: str) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expr).legend_format(legend).datasource(SOURCE)
    query.format(FORMATS.get(panel.kind, PromQueryFormat.TIME_SERIES))
    at_the_end = panel.kind in (Kind.NUMBER, Kind.TABLE)
    return (query.instant() if at_the_end else query.range()).exemplar(panel.exemplars)


def _graph(panel: Panel) -> timeseries.Panel:
    legend = options.VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM)
    graph = (
        timeseries.Panel()
        .min(0)
        .legend(legend.display_mode(common.LegendDisplayMode.LIST))
        .tooltip(options.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
        .fill_opacity(30 if panel.stacked else 8)
    )
    if panel.stacked:
        graph.stacking(options.StackingConfig().mode(common.StackingMode.NORMAL))
    if panel.most is not None:
        graph.max(panel.most)
    if panel.limits:
        graph.thresholds_style(options.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED))
    return graph


def _number(_: Panel) -> stat.Panel:
    latest = options.ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().reduce_options(latest).graph_mode(common.BigValueGraphMode.NONE)


def _heatmap(panel: Panel) -> heatmap.Panel:
    return heatmap.Panel().y_axis(heatmap.YAxisConfig().unit(panel.unit)).show_legend().show_y_histogram()


def _table(panel: Panel) -> table.Panel:
    """A column for each label, and one for the value, which Grafana would call just that."""
    (head,) = panel.queries
    organized = {"excludeByName": {"Time": True}, "renameByName": {"Value": head}}
    return table.Panel().with_transformation(model.DataTransformerConfig(id_val="organize", options=organized))


_OF_KIND: Mapping[Kind, Callable[[Panel], AnyPanel]] = {
    Kind.GRAPH: _graph,
    Kind.NUMBER: _number,
    Kind.HEATMAP: _heatmap,
    Kind.TABLE: _table,
}


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    """A graph's base is drawn nowhere: only the lines are."""
    base: str = "transparent" if panel.kind is Kind.GRAPH else panel.base
    steps = [model.Threshold(value=None, color=base)]
    steps += [model.Threshold(value=value, color=colour) for value, colour in sorted(panel.limits.items())]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _runbook(panel: Panel, runbooks: str) -> Iterator[dashboard.DashboardLink]:
    """What to do when the panel's alert fires, where the runbooks have an address."""
    if panel.alert and runbooks.startswith("http"):
        link = dashboard.DashboardLink(f"Runbook: {panel.alert}").type(model.DashboardLinkType.LINK)
        yield link.target_blank(True).url(f"{runbooks}#{panel.alert.lower()}")
