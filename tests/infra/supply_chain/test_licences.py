from collections.abc import Mapping

import pytest
import yaml

from infra.supply_chain.licences import POLICY, Allowance, Licensed, Policy, is_allowed, licensed, page, policy, refused

RULES = Policy(
    allowed=frozenset({"MIT", "Apache-2.0"}),
    readings={"License :: OSI Approved :: Apache Software License": "Apache-2.0"},
    exceptions={"nvidia-*": Allowance(declares="MPL-2.0", reason="A reason.")},
)


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT AND Apache-2.0", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-3.0-only", False),
        ("see the file (LICENSE", False),
        (None, False),
    ],
)
def test_all_that_binds_must_be_allowed_and_of_a_choice_one(licence: str | None, allowed: bool) -> None:
    assert is_allowed(licence, RULES.allowed) is allowed


def component(*licences: Mapping[str, object]) -> Mapping[str, object]:
    return {"name": "it", "version": "1", "licenses": licences}


def test_a_package_is_bound_by_each_licence_that_it_declares() -> None:
    classifier = {"license": {"name": "License :: OSI Approved :: Apache Software License"}}
    found = licensed(component({"expression": "MIT OR GPL-3.0-only"}, classifier, {"license": {"id": "MIT"}}), RULES)

    assert found.licence == "(MIT OR GPL-3.0-only) AND Apache-2.0 AND MIT"
    assert licensed({"name": "it", "version": "1"}, RULES).licence is None


def test_a_refused_package_is_named_with_what_to_do() -> None:
    assert refused([Licensed(name="it", version="1", licence="GPL-3.0-only")], RULES) == [
        "it 1 declares GPL-3.0-only, which is not allowed: take another package, or write the reason why it may stay "
        "into licences.yaml"
    ]


@pytest.mark.parametrize(("licence", "lines"), [("MPL-2.0", 0), ("GPL-3.0-only", 1), (None, 1)])
def test_an_exception_ends_when_the_package_declares_another_licence(licence: str | None, lines: int) -> None:
    assert len(refused([Licensed(name="nvidia-cublas", version="1", licence=licence)], RULES)) == lines


def test_the_page_tells_why_a_package_may_stay() -> None:
    packages = [
        Licensed(name="it", version="1", licence="MIT"),
        Licensed(name="nvidia-cublas", version="2", licence="MPL-2.0"),
    ]

    assert page(packages, RULES).splitlines()[2:] == [
        "| it | 1 | MIT |  |",
        "| nvidia-cublas | 2 | MPL-2.0 | A reason. |",
    ]


def test_every_exception_has_a_reason_and_no_copyleft_is_allowed_whole() -> None:
    assert all(each.reason.endswith(".") for each in policy().exceptions.values())
    assert not [name for name in policy().allowed if "GPL" in name or "MPL" in name]
    assert set(yaml.safe_load(POLICY.read_text())) == set(Policy.model_fields)
