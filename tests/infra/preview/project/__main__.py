"""A small program with one of each thing a preview has to cope with."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_docker_build as docker
import pulumi_kubernetes as kubernetes
import pulumi_random as random
from pulumi import Output, ResourceOptions


class Cluster(pulumi.ComponentResource):
    """A component with children."""

    def __init__(self, name: str, subnets: list[pulumi.Input[str]]) -> None:
        super().__init__("test:clusters:Cluster", name, None, None)
        child = ResourceOptions(parent=self, protect=True)
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = aws.iam.Role(f"{name}-role", assume_role_policy=trust, opts=child)
        self.eks = aws.eks.Cluster(name, role_arn=role.arn, vpc_config={"subnet_ids": subnets}, opts=child)
        self.provider = kubernetes.Provider(
            f"{name}-api",
            kubeconfig=Output.json_dumps({"server": self.eks.endpoint, "ca": self.eks.certificate_authority.data}),
            cluster_identifier=self.eks.arn,
            enable_server_side_apply=True,
            opts=ResourceOptions(parent=self),
        )
        self.register_outputs({"endpoint": self.eks.endpoint})


config = pulumi.Config()
image = config.require_object("image")
vpc = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16")
subnets = [aws.ec2.Subnet(f"private-{i}", vpc_id=vpc.id, cidr_block=f"10.0.{i}.0/24") for i in range(5)]
cluster = Cluster("eks", [subnet.id for subnet in subnets])
on_cluster = ResourceOptions(provider=cluster.provider)
repository = aws.ecr.Repository("registry", force_delete=True)
token = aws.ecr.get_authorization_token_output()
built = docker.Image(
    "image",
    push=True,
    tags=[Output.concat(repository.repository_url, ":", image["tags"][0])],
    registries=[{"address": repository.repository_url, "password": Output.secret(token.password)}],
)
reference = Output.concat(repository.repository_url, "@", image["digest"]) if image["digest"] else built.ref
password = random.RandomPassword("password", length=20)
namespace = kubernetes.core.v1.Namespace(
    "serving", metadata={"name": "serving", "annotations": {"pulumi.com/skipAwait": "true"}}, opts=on_cluster
)
inside: kubernetes.meta.v1.ObjectMetaArgsDict = {"namespace": namespace.metadata.name}
kubernetes.core.v1.Secret(
    "credentials",
    metadata=inside,
    string_data={
        "url": Output.concat("redis://:", password.result, "@redis"),
        "token": config.require_secret("apiToken"),
    },
    opts=on_cluster,
)
kubernetes.apps.v1.Deployment(
    "server",
    metadata={**inside, "name": "server"},
    spec={
        "selector": {"match_labels": {"app": "server"}},
        "template": {
            "metadata": {"labels": {"app": "server", "build": "12e4"}},
            "spec": {"containers": [{"name": "server", "image": reference}]},
        },
    },
    opts=on_cluster,
)
service = kubernetes.core.v1.Service(
    "gateway",
    metadata={**inside, "name": "gateway"},
    spec={"type": "LoadBalancer", "ports": [{"port": 80, "target_port": "http"}]},
    opts=on_cluster,
)
release = kubernetes.helm.v3.Release(
    "monitoring",
    chart="kube-prometheus-stack",
    version="90.1.0",
    namespace="monitoring",
    create_namespace=True,
    repository_opts={"repo": "https://charts.example.com"},
    values={"prometheus": {"retention": "3d", "replicas": 2}},
    opts=on_cluster,
)
kubernetes.apiextensions.CustomResource(
    "monitor",
    api_version="monitoring.coreos.com/v1",
    kind="ServiceMonitor",
    metadata={**inside, "name": "server"},
    spec={"endpoints": [{"port": "http"}], "group": cluster.eks.vpc_config.cluster_security_group_id},
    opts=ResourceOptions(provider=cluster.provider, depends_on=[release]),
)
pulumi.export("url", Output.concat("http://", service.status.load_balancer.ingress[0].hostname))
pulumi.export("password", password.result)
pulumi.warn("a warning of the program")
