"""Every query of the shipped dashboards and alerts, asked of a real Prometheus.

It reads real servers under load, and kube-state-metrics of the cluster around them.
"""

import math
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from inference_app.contract import Route
from infra.clusters.gpu import NODE_LABEL
from infra.monitoring import cluster_metrics, queries
from infra.monitoring.cluster_metrics import NODE_LABELS, POD_UNSCHEDULABLE, node_label
from tests.monitoring import dcgm
from tests.monitoring.asked import MISSED, SHIPPED, WITHOUT_QUEUE, Asked, every_query
from tests.monitoring.prometheus import exporter
from tests.monitoring.scene import CANARY, SCRAPE, STABLE, Scene, scene
from tests.processes import until
from tests.programs.built import MissingProgramError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SPOT, LOST = ("g6.xlarge", "g5.xlarge", "g5.xlarge", "g4dn.xlarge"), 2
"""Machines of the spot nodes, and which of them the cloud takes away; the last has no price."""
ON_DEMAND = ("g6.xlarge",)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Generator[Scene]:
    """The scene after some load, which goes on; one of five GPU nodes is gone, and a pod waits for another."""
    gpus = [
        dcgm.Gpu(node="spot-0", pod="model-server-stable-0", values=dcgm.AT_WORK),
        dcgm.Gpu(node="spot-1", pod="model-server-canary-0", values=dcgm.AT_WORK),
        dcgm.Gpu(node="spot-2", values=dcgm.BROKEN),
    ]
    with ExitStack() as stack:
        told = stack.enter_context(dcgm.told(gpus))
        beside = [exporter("nvidia-dcgm-exporter", told.url.removeprefix("http://"), SCRAPE)]
        try:
            running = stack.enter_context(scene(tmp_path_factory.mktemp("scene"), beside))
        except MissingProgramError as missing:
            pytest.skip(str(missing))
        running.cluster.join("system", "m7i.xlarge")
        running.cluster.join("on-demand", *ON_DEMAND)
        spot = running.cluster.join("spot", *SPOT)
        stack.enter_context(running.load())
        until(lambda: nodes_of(running) == len(spot) + len(ON_DEMAND), "nodes that are told of")
        running.cluster.leave(spot[LOST])
        waits = lambda: running.prometheus.vector(POD_UNSCHEDULABLE)  # noqa: E731
        until(waits, "pod that an autoscaler wants and no node takes", 120)
        for _ in range(6):
            running.stray()
            time.sleep(4)  # several scrapes see each change
        yield running


@pytest.fixture(scope="module")
def asked(busy: Scene) -> list[Asked]:
    return every_query(busy.objects)


def test_every_query_of_dashboards_alerts_and_autoscaling_answers_with_more_than_zeros(
    busy: Scene, asked: list[Asked], table: list[Sequence[str]]
) -> None:
    wrong: list[Asked] = []
    for each in asked:
        series, values = answered(busy, each)
        if bool(values) is not each.can_answer:
            wrong.append(each)
        table.append((each.where, each.name, str(series), each.answer(values)))

    assert wrong == []
    assert len(asked) > 50


def answered(busy: Scene, asked: Asked) -> tuple[int, list[float]]:
    """Number of series, and those values that are something; asked again for a while where there are none.

    A queue may be empty at the moment of a scrape, and a slow machine may look when the last mistake is long ago.
    """
    deadline = time.monotonic() + (30 if asked.can_answer else 0)
    while True:
        found = busy.prometheus.vector(asked.query, asked.at)
        values = [value for _, value in found if math.isfinite(value) and value]
        if values or time.monotonic() > deadline:
            return len(found), values
        busy.stray()
        time.sleep(1)


def nodes_of(busy: Scene) -> int:
    """GPU nodes that Prometheus has just heard of."""
    return len(busy.prometheus.vector(f'{NODE_LABELS}{{{node_label(NODE_LABEL[0])}="{NODE_LABEL[1]}"}}'))


def test_the_cost_of_nodes_is_counted_from_their_labels_in_the_cluster(busy: Scene, asked: list[Asked]) -> None:
    told = {
        each.name: {tuple(labels.values()): value for labels, value in busy.prometheus.vector(each.query, each.at)}
        for each in asked
        if each.where.endswith("Cost")
    }
    (spot,) = told["On spot: spot"].values()
    (per_hour,) = told["Cost per hour: per hour"].values()
    (unpriced,) = told["Nodes without a price: nodes"].values()

    assert (spot, unpriced) == (0.75, 1)
    assert per_hour == pytest.approx(0.35 + 0.45 + 0.8)
    assert told["GPU nodes by instance type: {{type}} {{capacity}}"] == {
        ("spot", "g6.xlarge"): 1,
        ("spot", "g5.xlarge"): 1,
        ("spot", "g4dn.xlarge"): 1,
        ("on demand", "g6.xlarge"): 1,
    }


def test_every_name_that_rules_have_of_the_clusters_objects_is_one_that_they_are_told_by(busy: Scene) -> None:
    names = {value for value in vars(cluster_metrics).values() if isinstance(value, str) and value.startswith("kube_")}

    assert len(names) > 8
    assert {name for name in names if not busy.prometheus.vector(f"last_over_time({name}[5m])")} == set()


def test_every_rule_is_judged_without_an_error_and_trouble_is_seen(busy: Scene) -> None:
    judged = until(lambda: _judged(busy), "rules that were judged")

    assert {name: each["lastError"] for name, each in judged.items() if each["health"] != "ok"} == {}
    seen = {(each["labels"]["alertname"], each["labels"].get("track")) for each in busy.prometheus.alerts()}
    assert ("RequestsRefused", CANARY) in seen
    assert ("RequestsRefused", STABLE) not in seen


def test_trouble_of_the_cluster_is_seen_too_and_no_other(busy: Scene) -> None:
    def seen() -> dict[str, str] | None:
        """Who wants more, by the alert's name, once somebody does."""
        found = [each["labels"] for each in busy.prometheus.alerts()]
        told = {each["alertname"]: each.get("horizontalpodautoscaler", "") for each in found}
        return told if {"AutoscalerAtMaximum", "PodsUnschedulable"} <= set(told) else None

    told = until(seen, "alerts of the cluster", 60)

    assert told["AutoscalerAtMaximum"] == "keda-hpa-model-server-canary"
    assert "AutoscalerBlind" not in told


def _judged(busy: Scene) -> dict[str, Any] | None:
    groups = httpx.get(f"{busy.prometheus.url}/api/v1/rules", timeout=10).json()["data"]["groups"]
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    return rules if rules and all(rule["health"] != "unknown" for rule in rules.values()) else None


def test_exemplars_lead_to_traces_that_the_collector_has(busy: Scene) -> None:
    query = f"inference_request_duration_seconds_bucket{{{queries.pods_of('serving', STABLE)}}}"

    found = {labels["trace_id"] for labels in until(lambda: busy.prometheus.exemplars(query, 120), "exemplars")}

    # The newest may still wait to be exported.
    until(lambda: found <= {span.trace_id for span in busy.collector.spans}, "traces of all exemplars", 20)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is needed (Debian: apt install prometheus)")
@pytest.mark.parametrize("track", [STABLE, CANARY])
def test_metrics_follow_the_conventions_that_prometheus_checks(busy: Scene, track: str) -> None:
    text = httpx.get(f"{busy.servers[track].url()}{Route.METRICS}", timeout=10).content

    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)

    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_a_queue_of_jobs_that_is_gone_is_missed(busy: Scene, table: list[Sequence[str]]) -> None:
    """Comes nearly last: no job is taken after it."""
    busy.redis.kill()
    for alert in [each for each in SHIPPED if each.name in WITHOUT_QUEUE]:
        value = until(lambda alert=alert: _once_refused(busy, alert.value), f"what {alert.name} looks at", 60)
        table.append(("alert", alert.name, "1", f"{value:.4g}, once it is gone"))


def _once_refused(busy: Scene, query: str) -> float:
    assert httpx.post(busy.servers[STABLE].url() + Route.JOBS, json=[[[0.0]] * 8] * 8).status_code == 503
    time.sleep(1)  # until a scrape
    return next((value for _, value in busy.prometheus.vector(query)), 0.0)


def test_servers_that_are_gone_are_missed(busy: Scene, table: list[Sequence[str]]) -> None:
    """Comes last: nothing answers after it."""
    for server in busy.servers.values():
        server.send(signal.SIGKILL)
    missed = [each for each in SHIPPED if each.name == MISSED]
    failing = next(each for each in SHIPPED if each.name == "ScrapeFailing")

    for alert in missed:
        [(labels, value)] = until(lambda alert=alert: busy.prometheus.vector(alert.value), "missed servers")
        table.append(("alert", f"{MISSED} {labels['track']}", "1", f"{value:g}, once they are gone"))
    worker = 1  # of jobs, which nobody killed
    assert sorted(value for _, value in busy.prometheus.vector(failing.value)) == [0, 0, worker]
