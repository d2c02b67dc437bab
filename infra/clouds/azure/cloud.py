"""What a stack has in Azure."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_azure_native as azure_native

from infra.clouds.azure.budget import Budget, BudgetArgs, node_resource_group
from infra.clouds.azure.key_vault import KeyVault, KeyVaultArgs
from infra.clouds.azure.network import AzureNetwork, AzureNetworkArgs
from infra.clouds.azure.provider import azure_options
from infra.clouds.cloud import Stack
from infra.clusters.aks import AksCluster, AksClusterArgs
from infra.clusters.cluster import Cluster, ServiceAccount
from infra.endpoint import Endpoint
from infra.images.acr import AcrRepository, AcrRepositoryArgs
from infra.managed.azure_ml import AzureMl, AzureMlArgs
from infra.managed.azure_monitor import AlarmGroup, AlarmGroupArgs
from infra.managed.container_instances import ContainerInstances, ContainerInstancesArgs
from infra.settings.aks import AksSettings, KeyVaultSettings
from infra.settings.azure import AzureSettings
from infra.settings.azure_ml import AzureMlSettings
from infra.settings.container_instances import ContainerInstancesSettings
from infra.settings.served import ModelSettings


class Azure:
    """One resource group in one subscription; satisfies `infra.clouds.cloud.Cloud`."""

    name = "azure"
    registry: AcrRepository | None = None

    def __init__(self, stack: Stack, azure: AzureSettings) -> None:
        self._stack, self._settings, self._azure = stack, stack.settings, azure
        self._opts = azure_options(azure, stack.tags)
        self._group = azure_native.resources.ResourceGroup("azure", resource_group_name=stack.name, opts=self._opts)
        self._network: AzureNetwork | None = None
        self._aks: AksCluster | None = None
        if azure.network:
            network_args = AzureNetworkArgs(settings=azure.network, resource_group_name=self._group.name)
            self._network = AzureNetwork("azure", network_args, self._opts)
        if stack.settings.image:
            ml = stack.settings.azure_ml
            registry_args = AcrRepositoryArgs(
                name="model-server",
                resource_group_name=self._group.name,
                settings=stack.settings.image,
                private_links=ml is not None and ml.private_egress,
            )
            self.registry = AcrRepository("acr", registry_args, self._opts)
        self._budget()

    def _budget(self) -> None:
        """What AKS costs is mostly in the group that it makes for its nodes."""
        stack, budget = self._stack, self._settings.budget
        if not (budget and budget.azure_monthly_usd):
            return
        nodes = [node_resource_group(stack.name, stack.name, self._azure.location)] if self._settings.aks else []
        args = BudgetArgs(
            settings=budget,
            monthly=budget.azure_monthly_usd,
            name=stack.name,
            subscription_id=self._azure.subscription_id,
            resource_groups=[self._group.name, *nodes],
            emails=self._settings.budget_emails,
        )
        Budget("azure-budget", args, self._opts)

    def clusters(self) -> Sequence[Cluster]:
        """AKS, with its key vault."""
        aks, network = self._settings.aks, self._network
        if not (aks and network):
            return []
        vault = self._key_vault(aks.key_vault, network, aks) if aks.key_vault else None
        args = AksClusterArgs(
            azure=self._azure,
            aks=aks,
            network=network,
            resource_group_name=self._group.name,
            name=self._stack.name,
            registry_id=self.registry.registry_id if self.registry else None,
            key_vault=vault,
            logs=self._settings.monitoring.logs if self._settings.monitoring else None,
        )
        self._aks = AksCluster("aks", args, self._opts)
        if aks.key_vault and vault:
            self._export_vault(aks.key_vault, vault, self._aks)
        return [self._aks]

    def _key_vault(self, settings: KeyVaultSettings, network: AzureNetwork, aks: AksSettings) -> KeyVault:
        args = KeyVaultArgs(
            resource_group_name=self._group.name,
            tenant_id=self._azure.tenant_id,
            subnet_ids=[network.node_subnet_id],
            public_access_cidrs=settings.public_access_cidrs,
            purge_protection=aks.deletion_protection,
            protect=aks.deletion_protection,
        )
        return KeyVault("aks-vault", args, self._opts)

    def _export_vault(self, settings: KeyVaultSettings, vault: KeyVault, cluster: AksCluster) -> None:
        """Where secrets are, and as whom the further readers read them."""
        readers: dict[str, pulumi.Output[str]] = {}
        for reader in settings.readers:
            namespace, _, account = reader.partition("/")
            name = f"aks-{namespace}-{account}"
            readers[reader] = cluster.secret_reader(name, ServiceAccount(namespace=namespace, name=account), vault)
        pulumi.export("aks-key-vault", {"uri": vault.uri, "clientIds": readers})

    def endpoints(self, image: pulumi.Input[str], after: Sequence[pulumi.Resource]) -> Mapping[str, Endpoint]:
        """Azure ML and Container Instances."""
        settings, registry = self._settings, self.registry
        if not (settings.model and registry and (settings.azure_ml or settings.container_instances)):
            return {}
        alarms, found = self._alarm_group(), dict[str, Endpoint]()
        if settings.azure_ml:
            found.update(self._azure_ml(settings.azure_ml, settings.model, image, registry, alarms, after))
        if settings.container_instances and self._network:
            subnet = self._network.container_subnet_id
            block = settings.container_instances
            found.update(self._container_instances(block, settings.model, image, registry, subnet, alarms))
        return found

    def _alarm_group(self) -> pulumi.Input[str] | None:
        emails = self._settings.monitoring.alarm_emails if self._settings.monitoring else ()
        if not emails:
            return None
        args = AlarmGroupArgs(resource_group_name=self._group.name, short_name="inference", emails=emails)
        return AlarmGroup("azure-alarms", args, self._opts).id

    def _azure_ml(
        self,
        settings: AzureMlSettings,
        model: ModelSettings,
        image: pulumi.Input[str],
        registry: AcrRepository,
        alarms: pulumi.Input[str] | None,
        after: Sequence[pulumi.Resource],
    ) -> Mapping[str, Endpoint]:
        args = AzureMlArgs(
            settings=settings,
            model=model,
            image=image,
            resource_group_name=self._group.name,
            subscription_id=self._azure.subscription_id,
            tenant_id=self._azure.tenant_id,
            registry_id=registry.registry_id,
            tags=self._stack.tags,
            objectives=self._settings.objectives,
            alarm_group_id=alarms,
            cluster=self._aks,
            after=after,
        )
        return AzureMl("azure-ml", args, self._opts).endpoints

    def _container_instances(
        self,
        settings: ContainerInstancesSettings,
        model: ModelSettings,
        image: pulumi.Input[str],
        registry: AcrRepository,
        subnet_id: pulumi.Input[str],
        alarms: pulumi.Input[str] | None,
    ) -> Mapping[str, Endpoint]:
        args = ContainerInstancesArgs(
            settings=settings,
            model=model,
            image=image,
            resource_group_name=self._group.name,
            subscription_id=self._azure.subscription_id,
            registry_id=registry.registry_id,
            subnet_id=subnet_id,
            alarms=self._settings.monitoring is not None,
            alarm_group_id=alarms,
        )
        return ContainerInstances("container-instances", args, self._opts).endpoints
