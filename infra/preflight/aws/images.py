"""Images in the account's registry that the stack names by digest, and does not build."""

import re
from collections.abc import Iterator

from infra.preflight.answer import Answer, failed, ok
from infra.preflight.aws.client import Aws
from infra.preflight.errors import Absent
from infra.preview import Plan
from infra.preview.markers import leaves

IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/(?P<repository>[^@:]+)(:[^@]+)?@(?P<digest>sha256:\w+)"
)


def named(plan: Plan) -> list[re.Match[str]]:
    """The images of ECR with a digest in the plan, each once."""
    texts = (leaf for resource in plan.resources for _, leaf in leaves(resource.inputs) if isinstance(leaf, str))
    found = {text: match for text in texts if (match := IMAGE.fullmatch(text))}
    return [found[text] for text in sorted(found)]


def questions(aws: Aws, plan: Plan) -> Iterator[Answer]:
    """A row for each of them."""
    yield from (_row(aws, image) for image in named(plan))


def _row(aws: Aws, image: re.Match[str]) -> Answer:
    asked = f"image {image['repository']}"
    wanted = {"registryId": image["account"], "repositoryName": image["repository"]}
    try:
        aws.ask("ecr", "describe_images", **wanted, imageIds=[{"imageDigest": image["digest"]}])
    except Absent as absent:
        return failed(asked, absent.came, "push it first, or correct image.digest")
    return ok(asked, image["digest"])
