"""A repository in Azure Container Registry."""

import base64
from dataclasses import dataclass

import pulumi
import pulumi_azure_native as azure
import yaml
from pulumi_docker_build import RegistryArgsDict

from infra.settings.image import ImageSettings, Variant

# Six hours apart from midnight, when the world's cron jobs run.
PURGE_SCHEDULE = "0 6 * * *"


@dataclass(frozen=True, kw_only=True)
class AcrRepositoryArgs:
    """`name` is the repository's name in the registry; `private_links` lets others make private endpoints to it."""

    name: str
    resource_group_name: pulumi.Input[str]
    settings: ImageSettings
    private_links: bool = False


class AcrRepository(pulumi.ComponentResource):
    """A registry with one repository that forgets old images; satisfies `infra.images.registry.Registry`.

    Standard, not Basic, for its throughput when many nodes pull at once; Premium where private endpoints need it
    (https://learn.microsoft.com/azure/container-registry/container-registry-skus). Azure encrypts what it holds; it
    has no rule that keeps tags from moving, and scanning is the subscription's Microsoft Defender.
    https://learn.microsoft.com/azure/templates/microsoft.containerregistry/registries
    """

    repository_url: pulumi.Output[str]
    registry_id: pulumi.Output[str]

    def __init__(self, name: str, args: AcrRepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inference:images:AcrRepository", name, None, opts)
        self._group = args.resource_group_name
        self._registry = azure.containerregistry.Registry(
            name,
            resource_group_name=self._group,
            sku={"name": tier(private_links=args.private_links)},
            # On while `up` itself builds: see `login`. Images that CI pushed, with its own rights, need no such user.
            admin_user_enabled=args.settings.digest is None,
            opts=pulumi.ResourceOptions(parent=self, protect=not args.settings.delete_images),
        )
        self._purge(name, args)
        self.registry_id = self._registry.id
        self.repository_url = pulumi.Output.concat(self._registry.login_server, "/", args.name)
        self.register_outputs({"repositoryUrl": self.repository_url, "registryId": self.registry_id})

    def login(self) -> RegistryArgsDict:
        """The registry's own user, the only one whose password a program can ask for.

        A token for one repository would do, but its password cannot be made by a resource
        (https://github.com/pulumi/pulumi-azure-native/issues/3099), and `az acr login` needs a registry that exists.
        """
        credentials = azure.containerregistry.list_registry_credentials_output(
            resource_group_name=self._group,
            registry_name=self._registry.name,
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        passwords = credentials.passwords.apply(lambda found: [each.value for each in found or ()])
        return {
            "address": self._registry.login_server,
            "username": credentials.username.apply(str),
            "password": pulumi.Output.secret(passwords[0].apply(str)),
        }

    def _purge(self, name: str, args: AcrRepositoryArgs) -> None:
        content = base64.b64encode(purge_steps(args.name, args.settings.keep).encode()).decode()
        azure.containerregistry.Task(
            f"{name}-purge",
            resource_group_name=self._group,
            registry_name=self._registry.name,
            platform={"os": azure.containerregistry.OS.LINUX},
            step={"type": "EncodedTask", "encoded_task_content": content},
            trigger={"timer_triggers": [{"name": "daily", "schedule": PURGE_SCHEDULE}]},
            opts=pulumi.ResourceOptions(parent=self),
        )


def tier(*, private_links: bool) -> azure.containerregistry.SkuName:
    """The cheapest that does what is asked."""
    return azure.containerregistry.SkuName.PREMIUM if private_links else azure.containerregistry.SkuName.STANDARD


def purge_steps(repository: str, keep: int) -> str:
    """A task that deletes untagged manifests, and tagged images but the newest `keep`; build caches stay.

    https://learn.microsoft.com/azure/container-registry/container-registry-auto-purge
    """
    images = f"^({'|'.join(Variant)})-.*"
    command = f"acr purge --filter '{repository}:{images}' --keep {keep} --ago 1d --untagged"
    step = {"cmd": command, "disableWorkingDirectoryOverride": True, "timeout": 3600}
    return yaml.safe_dump({"version": "v1.1.0", "steps": [step]}, sort_keys=False)
