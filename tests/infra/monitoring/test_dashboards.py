import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard

from inference_app import contract
from infra.monitoring.alerts import Watched, gpu, objectives, servers
from infra.monitoring.alerts.jobs import jobs
from infra.monitoring.dashboards import Board, Subject, boards, dashboards
from infra.monitoring.dashboards.grafana import TAG, uid
from infra.monitoring.dashboards.panel import WIDTH, Kind
from infra.settings.monitoring import MonitoringSettings
from tests.infra.monitoring.subjects import PLAIN, RUNBOOKS, SELECTOR, SETTINGS, WHOLE

BOARDS = {board.name: board for board in boards(WHOLE)}
PANELS = [pytest.param(panel, id=f"{board.name}: {panel.title}") for board in BOARDS.values() for panel in board.panels]
DRAWN: Mapping[str, Any] = {name: json.loads(text) for name, text in dashboards(WHOLE).items()}


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_tells_and_in_what_unit(panel: Any) -> None:
    assert len(panel.description) > 30
    assert panel.description.endswith((".", "/"))
    assert panel.queries
    assert all(panel.queries)
    assert panel.kind is Kind.GRAPH or len(panel.queries) == 1


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_no_two_panels_of_a_dashboard_are_alike(board: Board) -> None:
    panels = list(board.panels)

    assert len({panel.title for panel in panels}) == len(panels)
    assert len({panel.description for panel in panels}) == len(panels)
    assert len({tuple(panel.queries.values()) for panel in panels}) == len(panels)


def test_no_panel_of_one_dashboard_is_on_another() -> None:
    shown = [expr for board in BOARDS.values() for expr in {each for p in board.panels for each in p.queries.values()}]

    assert [expr for expr in shown if shown.count(expr) > 1] == []


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_panels_fill_whole_lines(board: Board) -> None:
    for row in board.rows:
        line = 0
        for panel in row.panels:
            line += panel.width
            assert line <= WIDTH, f"{row.title}: {panel.title}"
            line %= WIDTH
        assert line == 0, row.title


def test_objectives_are_drawn_where_they_are_promised() -> None:
    limits = {panel.title: set(panel.limits) for board in BOARDS.values() for panel in board.panels}

    assert limits["Latency"] == limits["Latency by track"] == limits["Latency by version"] == {0.1}
    assert limits["Server errors"] == limits["Server errors by track"] == {0.001}
    assert limits["Slower than the objective"] == {objectives.SLOW_SHARE}


@pytest.mark.parametrize(("kept", "days"), [(7, 7), (30, 30), (90, 30)])
def test_the_error_budget_is_that_of_thirty_days_or_of_what_prometheus_keeps(kept: int, days: int) -> None:
    settings = MonitoringSettings.model_validate({"retentionDays": kept})
    (board, *_) = boards(Subject(name="serving", selector=SELECTOR, settings=settings))
    (panel,) = [panel for panel in board.panels if panel.title.startswith("Error budget left")]

    assert f"{days} days" in panel.title
    assert f"[{days}d]" in panel.queries["left"]


def test_a_panel_names_an_alert_that_there_is() -> None:
    watched = Watched(labels={"namespace": "serving"})
    alerts = {alert.name for alert in servers.alerts(SETTINGS.objectives, watched, contract.ExecutionProvider.CUDA)}
    alerts |= {
        each.name for each in (gpu.memory_nearly_full(watched), gpu.saturated(watched), gpu.idle(watched), gpu.errors())
    }
    alerts |= {alert.name for alert in jobs("serving", objective_seconds=600, kept_seconds=3600).alerts}

    named = {panel.alert for board in BOARDS.values() for panel in board.panels if panel.alert}

    assert named <= alerts
    assert len(named) > 8


def panels(board: Any) -> list[Any]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def test_a_panel_leads_to_the_runbook_where_that_has_an_address() -> None:
    (latency,) = [panel for panel in panels(DRAWN["serving-service.json"]) if panel["title"] == "Latency"]
    (unlinked,) = [
        panel for panel in panels(json.loads(dashboards(PLAIN)["serving-service.json"])) if panel["title"] == "Latency"
    ]

    assert [link["url"] for link in latency["links"]] == [f"{RUNBOOKS}#highlatency"]
    assert unlinked["links"] == []


def test_latency_shows_exemplars_and_only_latency() -> None:
    shown = {
        panel["title"]
        for board in DRAWN.values()
        for panel in panels(board)
        if any(target["exemplar"] for target in panel["targets"])
    }

    assert shown == {"Latency", "Distribution of latency", "Latency by track", "Latency by version"}


@pytest.mark.parametrize("name", DRAWN)
def test_grafana_takes_a_dashboard(name: str) -> None:
    board = DRAWN[name]
    ids = [panel["id"] for panel in board["panels"]]

    # Grafana refuses other characters, and more than 40 of them, when it loads the file.
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", board["uid"])
    assert board["schemaVersion"] >= 39
    assert "id" not in board
    assert sorted(ids) == list(range(1, len(ids) + 1))
    assert Dashboard.from_json(board).title == board["title"]
    for panel in panels(board):
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"]


@pytest.mark.parametrize("name", DRAWN)
def test_panels_lie_beside_and_below_each_other(name: str) -> None:
    cells = [
        (x, y)
        for panel in DRAWN[name]["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == WIDTH - 1


def test_dashboards_of_one_service_lead_to_each_other_and_to_no_other_services() -> None:
    for board in DRAWN.values():
        (link,) = board["links"]
        assert link["tags"] == board["tags"] == [TAG, "serving"]
        assert link["includeVars"] is link["keepTime"] is True


def test_two_services_in_one_grafana_share_no_name() -> None:
    names = ["serving", "a" * 40, "a" * 39 + "b"]
    made = [dashboards(Subject(name=name, selector=SELECTOR, settings=SETTINGS)) for name in names]
    keys = [json.loads(text)["uid"] for each in made for text in each.values()]

    assert len(set(keys)) == len(keys) == len({file for each in made for file in each})
    assert all(len(key) <= 40 for key in keys)
    assert uid("service", "serving") == "service-serving"


def test_the_same_service_gets_the_same_text_at_every_run() -> None:
    assert dashboards(WHOLE) == dashboards(WHOLE)


def test_only_what_is_there_is_drawn() -> None:
    titles = [panel.title for board in boards(PLAIN) for panel in board.panels]

    assert [board.name for board in boards(PLAIN)] == ["service", "batching", "rollout"]
    assert [title for title in titles if "by track" in title] == []
    assert [
        query for board in boards(PLAIN) for *_, query in board.queries if re.search("DCGM|kube_|track", query)
    ] == []
