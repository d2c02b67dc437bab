"""Where backups are kept: a store that is there already, or the one that the stack makes in the cluster's cloud."""

from urllib.parse import urlsplit

from infra.clusters.cluster import Access, BackupStore, Cluster, ServiceAccount
from infra.namespaces.network import to_object_store
from infra.settings import SettingsError
from infra.settings.backups import BackupSettings


def store_of(cluster: Cluster, name: str, account: ServiceAccount, settings: BackupSettings) -> BackupStore:
    """The store, of which `account` gets the part of its namespace; `name` is the logical name of what that takes.

    Raises SettingsError where the cluster has none and the settings give none.
    """
    if settings.url:
        url = f"{settings.url.rstrip('/')}/{cluster.name}/{account.namespace}"
        repository, variables = restic_repository(url)
        identity = cluster.identity(name, account, Access(writes=[url]))
        return BackupStore(repository=repository, variables=variables, egress=to_object_store(url), identity=identity)
    made = cluster.backup_store(name, account, settings)
    if made is None:
        raise SettingsError(
            f"backups.url must be given where no cloud of the stack runs {cluster.name}; add an object store's"
        )
    return made


def restic_repository(url: str) -> tuple[str, dict[str, str]]:
    """An `ObjectUrl` as restic names it, and what else its environment must have.

    https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html#amazon-s3,
    https://restic.readthedocs.io/en/stable/030_preparing_a_new_repo.html#microsoft-azure-blob-storage
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        return f"s3:s3.amazonaws.com/{parts.netloc}{parts.path}", {}
    container, _, prefix = parts.path.strip("/").partition("/")
    return f"azure:{container}:/{prefix}", {"AZURE_ACCOUNT_NAME": parts.netloc.partition(".")[0]}
