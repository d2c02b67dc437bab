"""Amazon EKS."""

from infra.clusters.eks.cluster import EksCluster, EksClusterArgs
from infra.clusters.eks.provider import aws_provider

__all__ = ["EksCluster", "EksClusterArgs", "aws_provider"]
