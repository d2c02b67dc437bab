from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from infra.preview import Plan
from infra.preview.manifests import Manifest, manifests, write


def objects(plan: Plan) -> dict[str, Manifest]:
    return {str(file.path): file for file in manifests(plan)}


def test_each_object_and_chart_is_a_file_of_its_cluster_in_one_apply_order(sample: Plan) -> None:
    assert list(objects(sample)) == [
        "eks-api/charts/01-monitoring.values.yaml",
        "eks-api/02-namespace-serving.yaml",
        "eks-api/03-secret-credentials.yaml",
        "eks-api/04-service-gateway.yaml",
        "eks-api/05-servicemonitor-server.yaml",
        "eks-api/06-deployment-server.yaml",
    ]


def test_a_manifest_is_the_object_without_pulumis_annotations(sample: Plan) -> None:
    namespace = objects(sample)["eks-api/02-namespace-serving.yaml"]

    assert yaml.safe_load(namespace.text) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "serving"},
    }


def test_an_object_without_a_name_shows_the_marker_for_it(sample: Plan) -> None:
    secret = objects(sample)["eks-api/03-secret-credentials.yaml"]

    assert secret.text.splitlines()[:2] == [
        "# The secret values are left out: put them in before you apply this.",
        "# Known only after `up`, or with --set: ${credentials.metadata.name: string}",
    ]
    assert secret.document["metadata"] == {"name": "${credentials.metadata.name: string}", "namespace": "serving"}


def test_a_charts_values_begin_with_the_command_that_installs_it(sample: Plan) -> None:
    text = objects(sample)["eks-api/charts/01-monitoring.values.yaml"].text

    assert text.splitlines()[0] == (
        "# helm upgrade --install monitoring kube-prometheus-stack --repo https://charts.example.com --version 90.1.0"
        " --namespace monitoring --create-namespace -f 01-monitoring.values.yaml"
    )
    assert yaml.safe_load(text) == {"prometheus": {"replicas": 2, "retention": "3d"}}


@pytest.mark.parametrize("text", ["12e4", "1e10", "0o17", "y", "N", "1_000", "true", "null", "1.36", "a\nb\n", "x: y"])
def test_text_is_never_written_so_that_kubectl_takes_it_for_something_else(sample: Plan, text: str) -> None:
    resource = sample.one("kubernetes:core/v1:Namespace")

    written = Manifest(resource=resource, path=Path("x.yaml"), document={"v": text}).text

    assert yaml.safe_load(written) == {"v": text}
    assert written != f"v: {text}\n"


def test_files_of_an_earlier_run_go_and_other_files_stay(sample: Plan, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    for name in ("eks-api/09-pod-old.yaml", "gone/charts/01-x.values.yaml", "eks-api/notes.txt", "kustomization.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()

    write(manifests(sample), folder)

    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {*objects(sample), "eks-api/notes.txt", "kustomization.yaml"}
    assert not (folder / "gone").exists()


def test_numbers_have_as_many_digits_as_the_last_one_needs(sample: Plan) -> None:
    one = sample.one("kubernetes:core/v1:Namespace")
    many = [replace(one, urn=f"{one.urn}{n}", name=f"n{n}") for n in range(100)]

    files = manifests(Plan(project="p", stack="s", resources=many, exports={}))

    assert [files[0].path.name, files[99].path.name] == ["001-namespace-serving.yaml", "100-namespace-serving.yaml"]
