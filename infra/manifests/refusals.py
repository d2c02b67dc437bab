"""Why files must not be published as they are."""

from collections.abc import Iterator, Sequence

from infra.preview.manifests import Manifest
from infra.preview.markers import holds_secret, is_secret, markers_in
from infra.preview.plan import Plan
from infra.preview.report import open_values


def refusals(plan: Plan, files: Sequence[Manifest]) -> Iterator[str]:
    """A line for each file that holds a secret, or what only `up` knows, with what to do."""
    for file in files:
        if holds_secret(file.document) or file.document["kind"] == "Secret":
            yield (
                f"{file.path} holds a secret value, which must be in no repository: keep it in the store of `secrets`, "
                "and give the setting its name"
            )
        if not all(map(is_secret, markers_in(file.document))):
            yield f"{file.path} lacks what only `up` knows; add {' '.join(open_values(plan, [file]))}"
