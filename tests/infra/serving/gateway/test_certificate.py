from collections import Counter
from typing import Any

import pulumi
import pulumi_random as random

from infra.clusters.cluster import Cluster
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.serving.gateway.certificate import (
    GatewayCertificate,
    GatewayCertificateArgs,
    certificate_spec,
    issuer_spec,
)
from infra.serving.gateway.secrets import TLS_SECRET
from infra.settings.gateway import AcmeSettings
from tests.infra.samples import children, on_cluster, waits_for

CERTIFICATE, ISSUER = "kubernetes:cert-manager.io/v1:Certificate", "kubernetes:cert-manager.io/v1:ClusterIssuer"
MANAGER = "random:index/randomId:RandomId"
HOST = "predict.example.com"


def acme(**zone: Any) -> AcmeSettings:
    return AcmeSettings.model_validate({"email": "ml@example.com", **(zone or {"route53": {"zoneId": "Z0123456789"}})})


def preview(**changes: Any) -> Plan:
    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        del cluster
        manager = random.RandomId("manager", byte_length=1)
        args = GatewayCertificateArgs(host_name=HOST, namespace="serving", after=[manager], **changes)
        GatewayCertificate("certificate", args, opts)

    return on_cluster(build)


def test_an_authority_gets_an_issuer_once_cert_manager_is_there_and_a_certificate_after_that() -> None:
    plan = preview(acme=acme())
    certificate, issuer = plan.one(CERTIFICATE), plan.one(ISSUER)

    assert children(plan, "inference:serving:GatewayCertificate") == Counter([CERTIFICATE, ISSUER])
    assert [str(failure) for failure in check_plan(plan).failures] == []
    assert certificate.inputs["spec"]["issuerRef"]["name"] == issuer.inputs["metadata"]["name"]
    assert waits_for(plan, certificate, issuer)
    assert waits_for(plan, issuer, plan.one(MANAGER, "manager"))
    for each in (certificate, issuer):
        assert each.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}


def test_an_issuer_that_is_there_already_is_asked() -> None:
    plan = preview(issuer="company")

    assert plan.of_type(ISSUER) == []
    assert plan.one(CERTIFICATE).inputs["spec"]["issuerRef"] == {
        "group": "cert-manager.io",
        "kind": "ClusterIssuer",
        "name": "company",
    }


def test_a_certificate_is_for_the_host_name_with_a_new_key_each_time() -> None:
    spec = certificate_spec(HOST, "company")

    assert (spec["secretName"], spec["dnsNames"]) == (TLS_SECRET, [HOST])
    assert spec["privateKey"] == {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}


def test_an_authority_is_shown_records_of_that_host_name_alone() -> None:
    found = issuer_spec(acme(), HOST)["acme"]

    assert (found["email"], found["server"]) == ("ml@example.com", "https://acme-v02.api.letsencrypt.org/directory")
    assert found["solvers"] == [
        {
            "selector": {"dnsNames": [HOST]},
            "dns01": {"route53": {"hostedZoneID": "Z0123456789", "region": "us-east-1"}},
        }
    ]


def test_a_zone_in_azure_is_found_by_its_group_and_subscription() -> None:
    subscription = "00000000-0000-0000-0000-000000000000"
    zone = {"zone": "example.com", "resourceGroup": "dns", "subscriptionId": subscription}
    (solver,) = issuer_spec(acme(azureDns=zone), HOST)["acme"]["solvers"]

    assert solver["dns01"] == {
        "azureDNS": {"hostedZoneName": "example.com", "resourceGroupName": "dns", "subscriptionID": subscription}
    }
