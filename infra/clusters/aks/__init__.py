"""Azure Kubernetes Service."""

from infra.clusters.aks.cluster import AksCluster, AksClusterArgs

__all__ = ["AksCluster", "AksClusterArgs"]
