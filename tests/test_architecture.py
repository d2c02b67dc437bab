"""Which part of the repository may know of which other."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [ROOT / "__main__.py", *sorted(ROOT.glob("infra/**/*.py")), *sorted(ROOT.glob("inference_app/**/*.py"))]
COMPONENTS = (
    "addons",
    "backups",
    "clusters",
    "delivery",
    "images",
    "local",
    "managed",
    "monitoring",
    "namespaces",
    "pods",
    "serving",
    "training",
)
COMPOSITION = (
    "infra.clouds.aws.cloud",
    "infra.clouds.azure.cloud",
    "infra.clouds.existing",
    "infra.stack_images",
    "infra.workloads",
)
"""They put components together, and nothing but the program knows them."""
SHARED_BY_COMPONENTS = {
    "infra.backups.kept",
    "infra.charts",
    "infra.clusters.cluster",
    "infra.clusters.gpu",
    "infra.endpoint",
    "infra.images.build",
    "infra.images.model_image.build",
    "infra.images.model_image.source_tag",
    "infra.images.registry",
    "infra.monitoring.alerts",
    "infra.monitoring.cluster_metrics",
    "infra.monitoring.dashboards",
    "infra.monitoring.queries",
    "infra.monitoring.service_monitor",
    "infra.namespaces.limits",
    "infra.namespaces.network",
    "infra.pods",
    "infra.schedules",
    "infra.serving.environment",
    "infra.settings",
    "infra.versions",
}
"""Settings, protocols, facts, pure functions and what makes releases: nothing in them is a component."""


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(source: str) -> Iterator[str]:
    """Dotted names that a module imports; `from a import b` gives `a.b`, since b may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


IMPORTS = {module(path): set(imported(path.read_text(encoding="utf-8"))) for path in SOURCES}


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def offences(modules: str, *packages: str, but: tuple[str, ...] = ()) -> list[str]:
    """Imports by `modules` of what lies in `packages`, those of `but` allowed."""
    return [
        f"{name} imports {found}"
        for name in sorted(IMPORTS)
        if within(name, modules)
        for found in sorted(IMPORTS[name])
        if within(found, *packages) and not within(found, *but)
    ]


def test_the_rules_are_read_from_the_real_sources() -> None:
    assert "infra.clusters.cluster.Cluster" in IMPORTS["infra.serving.runtime"]
    assert offences("infra.clusters.eks", "pulumi_aws") != []


def test_the_server_knows_nothing_of_the_infrastructure() -> None:
    assert offences("inference_app", "infra", "pulumi") == []


def test_the_infrastructure_knows_the_servers_contract_only() -> None:
    assert offences("infra", "inference_app", but=("inference_app.contract",)) == []
    assert offences("__main__", "inference_app") == []


def test_the_contract_needs_the_standard_library_only() -> None:
    outside = {name.partition(".")[0] for name in IMPORTS["inference_app.contract"]} - sys.stdlib_module_names

    assert outside == set()


@pytest.mark.parametrize("room", ["serving", "addons", "backups", "monitoring", "workloads"])
def test_what_runs_on_a_cluster_knows_no_cloud(room: str) -> None:
    clouds = ("aws", "azure", "eks", "aks")
    rooms = [f"infra.{kind}.{cloud}" for kind in ("clouds", "clusters", "settings") for cloud in clouds]

    assert offences(f"infra.{room}", "pulumi_aws", "pulumi_aws_native", "pulumi_azure_native", *rooms) == []


@pytest.mark.parametrize("room", COMPONENTS)
def test_components_know_each_other_by_protocol_only(room: str) -> None:
    others = [f"infra.{other}" for other in COMPONENTS if other != room]

    assert offences(f"infra.{room}", *others, but=tuple(SHARED_BY_COMPONENTS)) == []


@pytest.mark.parametrize("room", COMPONENTS)
def test_what_puts_components_together_is_known_to_the_program_only(room: str) -> None:
    assert offences(f"infra.{room}", *COMPOSITION) == []


@pytest.mark.parametrize(("cloud", "other"), [("aws", "azure"), ("azure", "aws")])
def test_a_cloud_knows_nothing_of_the_other(cloud: str, other: str) -> None:
    packages = {"aws": ("pulumi_aws", "pulumi_aws_native"), "azure": ("pulumi_azure_native",)}
    own = [name for name in IMPORTS if any(within(found, *packages[cloud]) for found in IMPORTS[name])]

    assert len(own) > 5
    assert [line for name in own for line in offences(name, *packages[other], f"infra.clouds.{other}")] == []


def test_settings_know_facts_and_no_component() -> None:
    facts = ("infra.settings", "infra.clusters.gpu", "infra.compatibility", "infra.versions")

    assert offences("infra.settings", "infra", but=facts) == []


def test_nothing_below_the_program_knows_it_or_its_preview() -> None:
    found = [line for room in COMPONENTS for line in offences(f"infra.{room}", "__main__", "infra.preview")]

    assert found == []


@pytest.mark.parametrize("sdk", ["pulumi_aws", "pulumi_aws_native", "pulumi_azure_native", "pulumi_docker"])
def test_a_stack_without_a_cloud_does_not_load_its_sdk(sdk: str) -> None:
    tree = ast.parse((ROOT / "__main__.py").read_text(encoding="utf-8"))
    at_start = set(imported(ast.unparse(ast.Module([node for node in tree.body if not isinstance(node, ast.If)], []))))

    assert len(at_start) > 5
    assert sorted(name for name in reached(at_start) if within(name, sdk)) == []


def reached(names: set[str]) -> set[str]:
    """All that importing `names` imports, through every module of ours."""
    found, queue = set[str](), list(names)
    while queue:
        name = queue.pop()
        if name in found:
            continue
        found.add(name)
        queue += [more for known in (name, name.rpartition(".")[0]) for more in IMPORTS.get(known, ())]
    return found


READERS = {"Config", "CONFIG", "get_config_env", "get_config"}


def test_only_load_reads_the_stacks_configuration() -> None:
    reading = {
        name
        for name, path in zip(map(module, SOURCES), SOURCES, strict=True)
        if within(name, "infra", "__main__") and not within(name, "infra.preflight", "infra.preview", "infra.smoke")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in READERS)
        or (isinstance(node, ast.alias) and node.name in READERS)
    }

    assert reading == {"infra.settings.load"}
