"""Which requests the lane answers, and how they are counted."""

from collections.abc import Generator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from inference_app.errors import NotReady
from inference_app.models import Slot
from tests.inference_app.http.stage import Stage, on_stage
from tests.inference_app.http.wire import HEALTH, Wire, post


@pytest.fixture
def stage() -> Generator[Stage]:
    """One for each test, since it remembers what the application was asked."""
    with on_stage(threads=0) as stage:
        yield stage


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/predict", "/predict"),
        ("/predict/doubler", "/predict/{name}"),
        ("/v2/models/doubler/infer", "/v2/models/{name}/infer"),
        ("/v2/models/doubler/versions/1/infer", "/v2/models/{name}/versions/{version}/infer"),
        ("/invocations", "/invocations"),
        ("/models/doubler/invoke", "/models/{name}/invoke"),
    ],
)
def test_every_way_to_the_model_is_on_the_lane_and_counted_by_its_template(
    stage: Stage, wire: Wire, path: str, route: str
) -> None:
    assert wire.send(post(path, b"[1]")).answer().body == b"[2.0]"
    assert stage.codes(route) == {200: 1}
    assert stage.asked == []


def test_who_names_a_version_gets_no_other(stage: Stage, wire: Wire) -> None:
    paths = ["/v2/models/doubler/versions/1/infer", "/v2/models/doubler/infer"]
    requests = [post(path, b"[1]") for path in paths]
    metadata, counts = SimpleNamespace(name="doubler", version="2"), stage.metrics.model("doubler", "2")
    other: Any = SimpleNamespace(metadata=metadata, metrics=counts, enter=refuse)

    def switch() -> None:
        stage.models.slots["doubler"].model = other
        stage.lane.rebuild()

    with stage.open() as second:
        wires = [wire.send(requests[0][:-1]), second.send(requests[1][:-1])]
        stage.until(lambda: stage.metrics.in_flight == 2)
        stage.call(switch)
        answers = [each.send(b"]").answer() for each in wires]
    assert [answer.status for answer in answers] == [200, 503]
    assert stage.asked_of("doubler", "1") == {"/v2/models/{name}/versions/{version}/infer": {200: 1}}
    assert stage.asked_of("doubler", "2") == {"/v2/models/{name}/infer": {503: 1}}


def test_a_quiet_connection_keeps_no_model(stage: Stage, wire: Wire) -> None:
    assert wire.send(post("/predict", b"[1]")).answer().status == 200
    held: Any = stage.connections[0].cycle
    assert stage.call(lambda: (held.response_complete, held.serving)) == (True, None)


def refuse() -> None:
    """As a model that is not ready."""
    raise NotReady("not this one")


@pytest.mark.parametrize("path", ["/health", "/ready", "/ping", "/metrics", "/v2/health/live", "/v2/health/ready"])
def test_probes_are_on_the_lane(stage: Stage, wire: Wire, path: str) -> None:
    assert wire.send(HEALTH.replace(b"/health", path.encode())).answer().status == 200
    assert stage.codes(path) == {200: 1}
    assert stage.asked == []


@pytest.mark.parametrize(
    "request_bytes",
    [
        post("/predict/other", b"[1]"),
        post("/v2/models/doubler/versions/2/infer", b"[1]"),
        post("/health", b"[1]"),
        post("/predict/", b"[1]"),
        HEALTH.replace(b"/health", b"/predict"),
        HEALTH.replace(b"GET", b"PUT"),
    ],
    ids=["other-model", "other-version", "other-method", "other-path", "get", "put"],
)
def test_everything_else_is_the_applications(stage: Stage, wire: Wire, request_bytes: bytes) -> None:
    assert wire.send(request_bytes).answer().status == 404
    assert len(stage.asked) == 1


def test_a_large_body_reaches_the_application_whole(stage: Stage, wire: Wire) -> None:
    assert wire.send(post("/elsewhere", b"x" * 900_000)).answer().body == b"900000"
    assert stage.asked == [("/elsewhere", 900_000)]


def test_paths_follow_the_models_that_are_served(stage: Stage, wire: Wire) -> None:
    slot = Slot(cast("Any", SimpleNamespace(**vars(stage.service), enter=stage.service.enter)))
    stage.call(lambda: stage.models.slots.update(added=slot))
    before = wire.send(post("/predict/added", b"[1]")).answer().status
    stage.call(stage.models.on_change)
    added = wire.send(post("/predict/added", b"[1]")).answer().status
    stage.call(lambda: (stage.models.slots.clear(), stage.models.on_change()))
    removed = [wire.send(post(path, b"[1]")).answer().status for path in ("/predict/added", "/predict")]
    assert (before, added, removed) == (404, 200, [404, 404])


def test_a_request_that_began_before_an_exchange_is_answered_by_the_new_model(stage: Stage, wire: Wire) -> None:
    request = post("/predict", b"[1]")
    wire.send(request[:-1])
    stage.until(lambda: any(connection.phase.name == "BODY" for connection in stage.connections))
    asked: list[str] = []

    def enter() -> Any:
        asked.append("new")
        return stage.service.enter()

    new = cast("Any", SimpleNamespace(**{**vars(stage.service), "enter": enter}))
    stage.call(lambda: setattr(stage.models.slots["doubler"], "model", new))
    assert wire.send(request[-1:]).answer().status == 200
    assert asked == ["new"]


def test_what_reaches_a_model_is_counted_by_its_version_whatever_it_answers() -> None:
    with on_stage(max_queue_size=1) as stage, stage.busy_model(), stage.open() as waiting:
        waiting.send(post("/predict", b"[1]"))
        stage.until(lambda: stage.waiting)
        with stage.open() as wire:
            statuses = [wire.send(post("/predict", body)).answer().status for body in (b"[2]", b"not a list")]
            found = stage.asked_of("doubler", "1")
    assert statuses == [429, 400]
    assert found == {"/predict": {429: 1, 400: 1}}


def test_what_reaches_no_model_is_counted_without_one() -> None:
    with on_stage(max_body_bytes=10) as stage, stage.open() as wire:
        wire.send(post("/predict", b"[1]", "content-encoding: gzip")).answer()
        wire.send(post("/predict", b"x" * 11)).answer()
        assert stage.codes() == {415: 1, 413: 1}
        assert stage.asked_of("doubler", "1") == {}


def test_every_way_to_the_default_model_is_counted_from_0_on(stage: Stage) -> None:
    second: Any = SimpleNamespace(
        **{**vars(stage.service), "metrics": stage.call(lambda: stage.metrics.model("second", "1"))}
    )
    stage.call(lambda: (stage.models.slots.update(second=Slot(second)), stage.lane.rebuild()))
    by_name = {"/predict/{name}", "/v2/models/{name}/infer", "/models/{name}/invoke"}
    by_version = {"/v2/models/{name}/versions/{version}/infer"}
    ways = {"/predict", "/invocations", *by_name, *by_version}
    assert stage.call(lambda: set(stage.metrics.models["doubler", "1"].routes)) == ways
    assert stage.call(lambda: set(stage.metrics.routes)) > ways
    assert second.metrics.routes == {}
