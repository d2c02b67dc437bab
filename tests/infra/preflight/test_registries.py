import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.preflight import registries
from infra.preflight.answer import Status
from infra.preview import Resource
from tests.infra.preflight.conftest import Ask
from tests.infra.preflight.plans import plan, resource
from tests.loopback import Loopback, Request, Response

DIGEST = f"sha256:{'a' * 64}"
RELEASE = "kubernetes:helm.sh/v3:Release"


class Registry(Loopback):
    """Answers HEAD too."""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        handler = super()._handler()
        return type("Handler", (handler,), {"do_HEAD": vars(handler)["do_POST"]})


def pod(image: str) -> Resource:
    return resource("kubernetes:apps/v1:Deployment", image, spec={"containers": [{"image": image}]})


def chart(name: str, version: str = "1.2.3") -> Resource:
    return resource(RELEASE, name, chart=name, version=version)


def registry(request: Request) -> Response:
    """One that gives out tokens to anyone, and has version 1.2.3+1 of the chart `keda`."""
    path = urlsplit(request.path)
    if path.path == "/token":
        assert parse_qs(path.query)["scope"] == ["repository:charts/keda:pull"]
        return Response(body=json.dumps({"token": "a-token"}).encode())
    if request.headers.get("authorization") != "Bearer a-token":
        realm = f'Bearer realm="http://{request.headers["host"]}/token",service="s",scope="repository:charts/keda:pull"'
        return Response(status=401, headers={"WWW-Authenticate": realm})
    return Response(status=200 if path.path == "/v2/charts/keda/manifests/1.2.3_1" else 404)


def asked(ask: Ask, handle: Callable[[Request], Response], *made: Callable[[str], Resource]) -> dict[str, Status]:
    """The answers to what `made` makes of the registry's address."""
    with Registry(handle) as server:
        host = server.url.removeprefix("http://")
        found = ask(registries.section(plan(*(make(host) for make in made))))
    return {name.replace(host, "HOST"): answer.status for name, answer in found.items()}


def test_charts_of_a_registry_are_looked_up_by_their_version_with_a_token_for_anyone(ask: Ask) -> None:
    found = asked(
        ask,
        registry,
        lambda host: chart(f"oci://{host}/charts/keda", "1.2.3+1"),
        lambda host: chart(f"oci://{host}/charts/keda", "9.9.9"),
    )

    assert found == {"chart keda 1.2.3+1": Status.OK, "chart keda 9.9.9": Status.FAILED}


def test_a_repository_of_charts_is_asked_for_its_index(ask: Ask) -> None:
    def repository(request: Request) -> Response:
        assert request.method == "HEAD"
        return Response(status=200 if request.path == "/charts/index.yaml" else 404)

    def release(name: str, path: str) -> Callable[[str], Resource]:
        return lambda host: resource(
            RELEASE, name, chart=name, version="1", repositoryOpts={"repo": f"http://{host}/{path}"}
        )

    found = asked(ask, repository, release("keda", "charts"), release("falco", "gone"))

    assert found == {"chart keda 1": Status.OK, "chart falco 1": Status.FAILED}


def test_images_are_looked_up_by_digest(ask: Ask) -> None:
    def images(request: Request) -> Response:
        return Response(status=200 if request.path == f"/v2/a/b/manifests/{DIGEST}" else 404)

    found = asked(ask, images, lambda host: pod(f"{host}/a/b:v1@{DIGEST}"), lambda host: pod(f"{host}/a/c@{DIGEST}"))

    assert found == {"image HOST/a/b:v1": Status.OK, "image HOST/a/c": Status.FAILED}


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_registry_that_does_not_say_is_unknown(ask: Ask, status: int) -> None:
    found = asked(ask, lambda _: Response(status=status), lambda host: pod(f"{host}/a@{DIGEST}"))

    assert list(found.values()) == [Status.UNKNOWN]


def test_a_registry_that_is_not_reached_is_unknown(ask: Ask) -> None:
    with Loopback(registry) as server:
        gone = server.url.removeprefix("http://")

    found = ask(registries.section(plan(pod(f"{gone}/a@{DIGEST}"))))

    assert [answer.status for answer in found.values()] == [Status.UNKNOWN]


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("postgres", "registry-1.docker.io/library/postgres"),
        ("otel/collector", "registry-1.docker.io/otel/collector"),
        ("docker.io/envoyproxy/gateway-helm", "registry-1.docker.io/envoyproxy/gateway-helm"),
        ("ghcr.io/mlflow/mlflow", "ghcr.io/mlflow/mlflow"),
        ("localhost/a", "localhost/a"),
    ],
)
def test_a_name_without_a_registry_is_docker_hubs(short: str, full: str) -> None:
    assert registries.full_name(short) == full


def test_each_chart_and_image_is_asked_for_once_and_those_of_the_clouds_registries_not_here() -> None:
    ecr = f"444455556666.dkr.ecr.eu-west-1.amazonaws.com/model-server@{DIGEST}"
    section = registries.section(
        plan(chart("keda"), chart("keda"), pod(f"redis:8@{DIGEST}"), pod(ecr), pod("redis:8"), pod("${acr.x: string}"))
    )

    assert section
    assert [question.asked for question in section.questions] == ["chart keda 1.2.3", "image redis:8"]


def test_a_stack_without_clusters_pulls_nothing() -> None:
    assert registries.section(plan()) is None
