"""The gateway's certificate, where cert-manager brings it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.serving.gateway.secrets import TLS_SECRET
from infra.settings.gateway import AcmeSettings, AzureDnsSettings, Route53Settings

CERTIFICATES = "cert-manager.io/v1"
ISSUER = "model-server"

# A public authority looks for the record only once the zone's servers have it.
ISSUE_TIMEOUT = "15m"

# Route 53 is one for the whole world, but its API takes signatures for this region
# (https://docs.aws.amazon.com/general/latest/gr/r53.html).
ROUTE53_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class GatewayCertificateArgs:
    """A certificate for `host_name` in `namespace`, by the ClusterIssuer `issuer`, or by one that `acme` describes.

    `after` brings cert-manager.
    """

    host_name: str
    namespace: str
    issuer: str | None = None
    acme: AcmeSettings | None = None
    after: Sequence[pulumi.Resource] = ()


class GatewayCertificate(pulumi.ComponentResource):
    """A certificate that is there when `up` ends, and renewed from then on."""

    def __init__(self, name: str, args: GatewayCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:serving:GatewayCertificate", name, None, opts)
        after = [*args.after, *([self._issuer(name, args.acme, args)] if args.acme else [])]
        kubernetes.apiextensions.CustomResource(
            name,
            api_version=CERTIFICATES,
            kind="Certificate",
            metadata={"name": TLS_SECRET, "namespace": args.namespace, **_READY},
            spec=certificate_spec(args.host_name, args.issuer or ISSUER),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=after,
                custom_timeouts=pulumi.CustomTimeouts(create=ISSUE_TIMEOUT, update=ISSUE_TIMEOUT),
            ),
        )
        self.register_outputs({"secretName": TLS_SECRET})

    def _issuer(
        self, name: str, acme: AcmeSettings, args: GatewayCertificateArgs
    ) -> kubernetes.apiextensions.CustomResource:
        return kubernetes.apiextensions.CustomResource(
            f"{name}-issuer",
            api_version=CERTIFICATES,
            kind="ClusterIssuer",
            metadata={"name": ISSUER, **_READY},
            spec=issuer_spec(acme, args.host_name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.after),
        )


_READY: Mapping[str, Any] = {"annotations": {"pulumi.com/waitFor": "condition=Ready"}}


def certificate_spec(host_name: str, issuer: str) -> dict[str, Any]:
    """A certificate with a new key at each renewal (https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.CertificateSpec)."""
    return {
        "secretName": TLS_SECRET,
        "dnsNames": [host_name],
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer},
    }


def issuer_spec(acme: AcmeSettings, host_name: str) -> dict[str, Any]:
    """An ACME authority that is shown a DNS record, for that host name alone.

    A ClusterIssuer, since only these act as the controller itself (https://cert-manager.io/docs/configuration/acme/dns01/route53/).
    """
    return {
        "acme": {
            "email": acme.email,
            "server": acme.server,
            "privateKeySecretRef": {"name": "model-server-acme-account"},
            "solvers": [{"selector": {"dnsNames": [host_name]}, "dns01": _solver(acme.zone)}],
        }
    }


def _solver(zone: Route53Settings | AzureDnsSettings) -> dict[str, Any]:
    if isinstance(zone, Route53Settings):
        return {"route53": {"hostedZoneID": zone.zone_id, "region": ROUTE53_REGION}}
    # Without a client ID it takes the pod's own identity (https://cert-manager.io/docs/configuration/acme/dns01/azuredns/).
    return {
        "azureDNS": {
            "hostedZoneName": zone.zone,
            "resourceGroupName": zone.resource_group,
            "subscriptionID": zone.subscription_id,
        }
    }
