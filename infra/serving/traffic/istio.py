"""Shares out by Istio's sidecars: https://istio.io/latest/docs/tasks/traffic-management/traffic-shifting/."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.serving.track import Track
from infra.serving.traffic.split import Split


def share_out(component: str, split: Split, opts: pulumi.ResourceOptions) -> None:
    """A subset for each track, and then the route that names them."""
    subsets = [_subset(component, split, track, opts) for track in split.tracks]
    kubernetes.apiextensions.CustomResource(
        component,
        api_version="networking.istio.io/v1",
        kind="VirtualService",
        metadata=split.metadata(),
        spec=virtual_service_spec(split),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=subsets)),
    )


def _subset(
    component: str, split: Split, track: Track, opts: pulumi.ResourceOptions
) -> kubernetes.apiextensions.CustomResource:
    return kubernetes.apiextensions.CustomResource(
        track.logical_name(component),
        api_version="networking.istio.io/v1",
        kind="DestinationRule",
        metadata=split.metadata(track.object_name),
        spec=destination_rule_spec(split, track),
        opts=opts,
    )


def destination_rule_spec(split: Split, track: Track) -> dict[str, Any]:
    """One subset of the service's pods.

    In a rule of its own, which Istio merges with the others: so it is there before the route names it, and goes after
    the route has forgotten it. In one rule for all tracks a removed subset would go first, and requests with it
    (https://istio.io/latest/docs/ops/best-practices/traffic-management/#avoid-503-errors-while-reconfiguring-service-routes).
    """
    return {"host": split.host(), "subsets": [{"name": track.name, "labels": dict(track.labels)}]}


def virtual_service_spec(split: Split) -> dict[str, Any]:
    """Each port of the service, to every track's subset by its weight."""
    return {"hosts": [split.host()], "http": [_rule(split, port) for port in split.ports]}


def _rule(split: Split, port: int) -> dict[str, Any]:
    return {
        "match": [{"port": port}],
        "route": [
            {
                "destination": {"host": split.host(), "subset": track.name, "port": {"number": port}},
                "weight": track.weight,
            }
            for track in split.tracks
        ],
    }
