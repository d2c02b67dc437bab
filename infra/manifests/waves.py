"""In which order objects are made, as numbers: what waits for nothing is 0."""

from collections.abc import Collection, Mapping, Sequence

from infra.preview.plan import Resource, needs


def waves(resources: Sequence[Resource], counted: Collection[str]) -> Mapping[str, int]:
    """By URN, how many of the `counted` URNs come one after the other before each of them.

    `resources` are in an order in which they could be applied; those that are not counted pass on what they wait for.
    """
    after: dict[str, int] = {}
    for resource in resources:
        waited_for = needs(resource) & after.keys()
        after[resource.urn] = max((after[urn] + (urn in counted) for urn in waited_for), default=0)
    return {urn: after[urn] for urn in counted}
