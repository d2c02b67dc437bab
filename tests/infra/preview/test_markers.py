import pytest

from infra.preview.markers import leaves, marker, markers_in, masked, whole_marker
from infra.preview.wire import Secret


def test_a_secret_is_masked_wherever_it_is_nested() -> None:
    value = {"a": Secret({"b": ["hunter2", 3, True], "c": "${pw.result: string}"}), "d": "plain"}

    assert masked(value) == {
        "a": {"b": ["${secret: string}", "${secret: integer}", "${secret: boolean}"], "c": "${secret: string}"},
        "d": "plain",
    }


def test_markers_are_found_inside_longer_text() -> None:
    value = {"image": "${registry.repositoryUrl: string}@${image.digest: string}", "n": [1, "${x.y[0].z: integer}"]}

    assert markers_in(value) == {
        "${registry.repositoryUrl: string}",
        "${image.digest: string}",
        "${x.y[0].z: integer}",
    }


@pytest.mark.parametrize("text", ["${datasource}", "${VAR:-default}", "$(POD_IP)", "a ${x.y: string}", "${x: text}"])
def test_other_templates_are_no_markers(text: str) -> None:
    assert whole_marker(text) is None


def test_a_marker_knows_its_path_and_type() -> None:
    found = whole_marker(marker("eks.vpcConfig.subnetIds[0]", "string"))

    assert found is not None
    assert found.groupdict() == {"path": "eks.vpcConfig.subnetIds[0]", "type": "string"}


def test_leaves_carry_the_paths_that_markers_use() -> None:
    assert dict(leaves({"a": [{"b": 1}, Secret("s")]})) == {"a[0].b": 1, "a[1]": "s"}
