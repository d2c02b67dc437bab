from infra.clusters.eks.cluster import EksCluster
from infra.preview import Plan

NAME = "eks-load-balancer-controller"


def test_the_controller_knows_its_cluster_and_takes_its_role(eks: Plan) -> None:
    release = eks.one("kubernetes:helm.sh/v3:Release", NAME).inputs
    association = eks.one("aws:eks/podIdentityAssociation:PodIdentityAssociation", NAME).inputs

    assert release["values"]["clusterName"] == "platform-test"
    assert release["values"]["vpcId"] == "${aws-vpc.id: string}"
    assert release["values"]["region"] == "eu-west-1"
    assert association["serviceAccount"] == release["values"]["serviceAccount"]["name"]
    assert association["namespace"] == release["namespace"]


def test_services_ask_for_a_balancer_that_only_the_network_reaches() -> None:
    asked = EksCluster.internal_load_balancer

    assert asked.load_balancer_class == "service.k8s.aws/nlb"
    assert asked.annotations["service.beta.kubernetes.io/aws-load-balancer-scheme"] == "internal"
    # Straight to the pods: a GPU node that goes takes no other connections with it.
    assert asked.annotations["service.beta.kubernetes.io/aws-load-balancer-nlb-target-type"] == "ip"
