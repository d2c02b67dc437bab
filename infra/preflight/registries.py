"""Whether the charts and public images that the clusters pull are there, asked from this machine."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from infra.preflight import http
from infra.preflight.answer import Answer, Question, Section, failed, ok, unknown
from infra.preflight.errors import Unanswerable
from infra.preview import Plan, Resource
from infra.preview.markers import leaves

RELEASE = "kubernetes:helm.sh/v3:Release"
IMAGE = re.compile(r"(?P<name>[a-z0-9][\w./:-]+)@(?P<digest>sha256:[0-9a-f]{64})")
DOCKER_HUB = "registry-1.docker.io"
PRIVATE = re.compile(r"\.amazonaws\.com(\.cn)?/|\.azurecr\.")
"""Registries of the clouds, which want a sign-in of their own."""

# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
KINDS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)
MIRROR = "check the version and the way there, or name a mirror in charts.mirror"


def section(plan: Plan) -> Section | None:
    """A question for each chart and image of the plan; None where it has none."""
    charts = set(map(_chart, plan.of_type(RELEASE)))
    questions = [
        *(_of_chart(*chart) for chart in sorted(charts)),
        *(_of_image(*image) for image in sorted(_images(plan))),
    ]
    return Section(title="Charts and images", questions=questions) if questions else None


def _chart(release: Resource) -> tuple[str, str, str]:
    """Its name or its address in a registry, its version, and its repository where that is no registry."""
    repository: Mapping[str, str] = release.inputs.get("repositoryOpts", {})
    return release.inputs["chart"], release.inputs["version"], repository.get("repo", "")


def _images(plan: Plan) -> set[tuple[str, str]]:
    """Names, with their tags, and digests."""
    texts = (leaf for resource in plan.resources for _, leaf in leaves(resource.inputs) if isinstance(leaf, str))
    found = {match for text in texts if not PRIVATE.search(text) and (match := IMAGE.fullmatch(text))}
    return {(match["name"], match["digest"]) for match in found}


def _of_chart(chart: str, version: str, repository: str) -> Question:
    asked = f"chart {chart.rpartition('/')[2]} {version}"
    if repository:
        return Question(asked, lambda: _of_repository(asked, repository))
    name = chart.removeprefix("oci://")
    return Question(asked, lambda: _of_registry(asked, name, version.replace("+", "_"), MIRROR))


def _of_image(name: str, digest: str) -> Question:
    asked = f"image {name}"
    repository = re.sub(r":[^:/]+$", "", name)
    return Question(asked, lambda: _of_registry(asked, repository, digest, "correct the digest"))


def full_name(name: str) -> str:
    """An image's name with its registry, which Docker leaves out for its own."""
    host, slash, rest = name.partition("/")
    if slash and (re.search("[.:]", host) or host == "localhost"):
        return f"{DOCKER_HUB}/{rest}" if host == "docker.io" else name
    return f"{DOCKER_HUB}/{name if slash else f'library/{name}'}"


def _of_repository(asked: str, repository: str) -> Iterator[Answer]:
    """The index is there; which versions it lists is megabytes to read, so that is left to `up`."""
    yield _verdict(asked, f"{repository}/index.yaml", http.send("HEAD", f"{repository}/index.yaml").status, MIRROR)


def _of_registry(asked: str, name: str, reference: str, fix: str) -> Iterator[Answer]:
    host, _, path = full_name(name).partition("/")
    # As Docker and Helm do it, only a registry on this machine is spoken to in the clear.
    scheme = "http" if re.match(r"(localhost|127\.0\.0\.1)(:|$)", host) else "https"
    url = f"{scheme}://{host}/v2/{path}/manifests/{reference}"
    reply = http.send("HEAD", url, {"Accept": KINDS})
    if reply.status == HTTPStatus.UNAUTHORIZED:
        token = _token(reply.headers.get("WWW-Authenticate", ""))
        reply = http.send("HEAD", url, {"Accept": KINDS, "Authorization": f"Bearer {token}"})
    yield _verdict(asked, url, reply.status, fix)


def _token(challenge: str) -> str:
    """A token for anyone, from where the registry sends us: https://distribution.github.io/distribution/spec/auth/token."""
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    if "realm" not in given:
        raise Unanswerable("the registry wants a sign-in", "pull it by hand to see")
    realm = given.pop("realm")
    answer = http.json_of(f"{realm}?{urlencode(given)}")
    return answer.get("token") or answer["access_token"]


def _verdict(asked: str, url: str, status: int, fix: str) -> Answer:
    if status == HTTPStatus.OK:
        return ok(asked, url)
    if status == HTTPStatus.NOT_FOUND:
        return failed(asked, f"{url}: not there", fix)
    return unknown(asked, Unanswerable(f"{url}: status {status}", "try again later, or pull it by hand to see"))
