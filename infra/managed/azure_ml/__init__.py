"""The model server as an online endpoint of Azure Machine Learning."""

from infra.managed.azure_ml.endpoint import AzureMl, AzureMlArgs

__all__ = ["AzureMl", "AzureMlArgs"]
