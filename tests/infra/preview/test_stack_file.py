from pathlib import Path

import pytest

from infra.preview.errors import StackFileError
from infra.preview.stack_file import load, split_settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text(
        "name: shop\nruntime: python\nconfig:\n  aws:region: {default: eu-west-1}\n  plain: 7\n", encoding="utf-8"
    )
    return tmp_path


def write(root: Path, text: str, stack: str = "dev") -> None:
    (root / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")


def test_a_stack_has_its_own_settings_over_the_projects(root: Path) -> None:
    write(root, "config:\n  shop:image: {digest: abc}\n  plain: 8\n  aws:profile: me\n")

    stack = load(root, "dev")

    assert (stack.project, stack.name) == ("shop", "dev")
    assert stack.config == {
        "aws:region": "eu-west-1",
        "shop:plain": 8,
        "shop:image": {"digest": "abc"},
        "aws:profile": "me",
    }


def test_secrets_become_markers_and_their_keys_are_known(root: Path) -> None:
    write(root, "encryptionsalt: v1:x\nconfig:\n  shop:token: {secure: v1:y}\n  shop:db: {password: {secure: v1:z}}\n")

    stack = load(root, "dev")

    assert stack.config["shop:token"] == "${secret: string}"
    assert stack.config["shop:db"] == {"password": "${secret: string}"}
    assert stack.secrets == {"shop:token", "shop:db"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config:\n  a: [1\n  b: 2\n", r"Pulumi\.dev\.yaml:3: not valid YAML"),
        ("config:\n  a: 1\n  a: 2\n", r"Pulumi\.dev\.yaml:3: not valid YAML: the key a appears twice"),
        ("- a\n", r"Pulumi\.dev\.yaml:1: must be a map"),
        ("config: 3\n", r"Pulumi\.dev\.yaml: config must be a map of settings, got 3"),
        ("confg: {}\n", r"Pulumi\.dev\.yaml: unknown key confg"),
    ],
)
def test_a_malformed_file_is_refused_in_one_line_with_its_place(root: Path, text: str, message: str) -> None:
    write(root, text)

    with pytest.raises(StackFileError, match=message) as refused:
        load(root, "dev")

    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_text_is_refused(root: Path) -> None:
    (root / "Pulumi.dev.yaml").write_bytes(b"config: {a: \xff}\n")

    with pytest.raises(StackFileError, match=r"Pulumi\.dev\.yaml: not valid YAML: .*; save it as UTF-8"):
        load(root, "dev")


def test_an_unknown_stack_names_those_that_exist(root: Path) -> None:
    write(root, "config: {}", "prod")
    write(root, "config: {}", "dev")

    with pytest.raises(StackFileError, match=r"no stack 'live'.*the stacks are dev, prod"):
        load(root, "live")


def test_a_setting_reaches_into_maps_and_lists_and_makes_what_is_missing(root: Path) -> None:
    write(root, "config:\n  shop:eks: {pools: [{max: 1}, {max: 2}]}\n")
    settings = [("eks.pools.1.max", "3"), ("image.digest", "sha256:abc"), ("aws:region", "us-east-1"), ("flag", "true")]

    config = load(root, "dev", settings).config

    assert config["shop:eks"] == {"pools": [{"max": 1}, {"max": 3}]}
    assert config["shop:image"] == {"digest": "sha256:abc"}
    assert config["aws:region"] == "us-east-1"
    assert config["shop:flag"] is True


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("eks.pools.2.max", "eks.pools is a list of 2; name an item from 0 to 1"),
        ("eks.pools.first", "eks.pools is a list of 2"),
        ("eks.pools.0.max.more", "max is 1, not a map"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(root: Path, key: str, message: str) -> None:
    write(root, "config:\n  shop:eks: {pools: [{max: 1}, {max: 2}]}\n")

    with pytest.raises(StackFileError, match=message):
        load(root, "dev", [(key, "3")])


def test_options_on_outputs_are_kept_apart_from_settings() -> None:
    assert split_settings(["a.b=1=2", "output.registry.url=x"]) == ([("a.b", "1=2")], {"registry.url": "x"})


@pytest.mark.parametrize("option", ["image.digest", "=x"])
def test_an_option_without_key_or_value_is_refused(option: str) -> None:
    with pytest.raises(StackFileError, match="must be KEY=VALUE"):
        split_settings([option])
