"""Amazon EKS."""

from infra.clusters.eks.cluster import EksCluster, EksClusterArgs

__all__ = ["EksCluster", "EksClusterArgs"]
