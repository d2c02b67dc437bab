"""A stack's own registries, which its targets pull from."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from infra.release.errors import ReleaseError
from infra.release.image import Released
from infra.release.programs import run

USER_OF_TOKENS = "00000000-0000-0000-0000-000000000000"
"""https://learn.microsoft.com/en-us/azure/container-registry/container-registry-authentication"""

_ECR = re.compile(r"\d+\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")
_ACR = re.compile(r"([a-z0-9]+)\.azurecr\.(io|cn|us)")


def registries(pulumi: str, root: Path, stack: str) -> list[str]:
    """The repositories, `host/path`, that the stack exports under `image`. Raises `ReleaseError`."""
    try:
        said = run(pulumi, ["stack", "output", "image", "--json", "--stack", stack, "--cwd", str(root)])
        exported: dict[str, str] = json.loads(said)
    except (ReleaseError, ValueError) as error:
        raise ReleaseError(
            f"{stack} has no registries yet: make it up once, as docs/pipelines.md says ({error})"
        ) from None
    return list(dict.fromkeys(reference.partition("@")[0] for _, reference in sorted(exported.items())))


def copy(image: Released, to: str, tag: str) -> None:
    """Copy an image to the repository `to` under a tag; its digest stays. Raises `ReleaseError`."""
    host = to.partition("/")[0]
    for user, password in _login(host):
        run("skopeo", ["login", "--username", user, "--password-stdin", host], told=password)
    run("skopeo", ["copy", "--all", "--preserve-digests", f"docker://{image.reference}", f"docker://{to}:{tag}"])


def _login(host: str) -> Iterator[tuple[str, str]]:
    """The user and password of a cloud's registry; of any other Docker's own login holds."""
    if found := _ECR.fullmatch(host):
        yield "AWS", run("aws", ["ecr", "get-login-password", "--region", found[1]]).strip()
    elif found := _ACR.fullmatch(host):
        asked = ["acr", "login", "--name", found[1], "--expose-token", "--query", "accessToken", "--output", "tsv"]
        yield USER_OF_TOKENS, run("az", asked).strip()
