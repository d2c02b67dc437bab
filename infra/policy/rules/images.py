"""What runs is what was tested: images by digest, charts by version."""

import re
from collections.abc import Iterator

from infra.policy import pods
from infra.policy.rule import Judged, Plain, Rule, Violation, at, each, must, of
from infra.policy.rules.exposure import CONTAINER_GROUP

CHART = "kubernetes:helm.sh/v3:Release"
ENVIRONMENT = "azure-native:machinelearningservices:EnvironmentVersion"
FUNCTION = "aws:lambda/function:Function"
MODEL = "aws:sagemaker/model:Model"
IMAGES = {
    ENVIRONMENT: "properties.image",
    FUNCTION: "imageUri",
    MODEL: "primaryContainer.image",
}
"""Where a managed target names its only image."""

DIGEST = re.compile(r".+@(sha256:[0-9a-f]{64}|\$\{[^{}]+\})")
"""An image whose bytes never change, its digest known now or only after `up`."""
VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+].+)?")


def by_digest(resource: Judged) -> Iterator[Violation]:
    """A tag may be moved, after the tests and between two pods."""
    if resource.type in IMAGES:
        yield from must(resource.inputs, IMAGES[resource.type], _is_digest)
    groups = each(resource.inputs, "containers") if resource.type in (CONTAINER_GROUP, MODEL) else ()
    for path, container in (*groups, *pods.containers(resource)):
        yield from must(container, "image", _is_digest, path)


def _is_digest(image: Plain) -> bool:
    return isinstance(image, str) and bool(DIGEST.fullmatch(image))


def names_image(resource: Judged) -> bool:
    """Tell whether it names images; a function may be of a zip file, a model of a package."""
    if resource.type in IMAGES:
        return resource.type != FUNCTION or at(resource.inputs, "packageType") == "Image"
    return resource.type == CONTAINER_GROUP or pods.has_pods(resource)


RULES = [
    Rule(
        name="images-by-digest",
        demands="Every container that the program writes names its image by digest.",
        fix="write `name@sha256:...`; `docker buildx imagetools inspect NAME` tells the digest",
        source="https://kubernetes.io/docs/concepts/containers/images/#image-names",
        judges=names_image,
        check=by_digest,
    ),
    Rule(
        name="charts-by-version",
        demands="Every chart is of one version.",
        fix="set `version` to three numbers, not to a range",
        source="https://helm.sh/docs/chart_best_practices/dependencies/#versions",
        judges=of(CHART),
        check=lambda resource: must(
            resource.inputs, "version", lambda found: isinstance(found, str) and VERSION.fullmatch(found)
        ),
    ),
]
