"""Where the endpoints come from, and every way in which a run cannot begin."""

import io
import json
import re
from pathlib import Path

import pytest

from infra.smoke.__main__ import main
from tests.infra.smoke.conftest import ROOT, Smoke

HTTP = {"kind": "http", "address": "http://127.0.0.1:9", "model": "digits"}
ASYNC = {"kind": "sagemaker-async", "address": "later", "model": "digits", "region": "eu-west-1"}


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the Pulumi CLI, alone on PATH."""
    path = tmp_path / "pulumi"
    path.write_text(f"#!/bin/sh\necho '{json.dumps({'endpoints': {'eks': HTTP}})}'\necho \"$@\" > {tmp_path}/asked\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return path


def test_the_cli_is_asked_for_the_stacks_outputs(
    pulumi: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--stack", "dev"], checkout) == 1

    assert (pulumi.parent / "asked").read_text() == "stack output --json --stack dev\n"
    assert "eks: POST http://127.0.0.1:9/v2/models/digits/infer: no connection" in capsys.readouterr().out


def test_the_clis_error_is_one_line(pulumi: Path, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pulumi.write_text("#!/bin/sh\necho 'error: no stack named dev found' >&2\nexit 255\n")

    assert main(["--stack", "dev"], checkout) == 2
    assert capsys.readouterr().err == "error: `pulumi stack output --stack dev`: no stack named dev found\n"


def test_outputs_come_from_stdin_too(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"endpoints": {"eks": HTTP}})))

    assert main(["--stack", "dev", "--outputs", "-"], checkout) == 1
    assert "eks: POST" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("endpoints", "message"),
    [
        ({}, "the stack serves nothing: its `endpoints` are empty"),
        ("[secret]", "the stack's output `endpoints` must be a map, got '[secret]'"),
        ({"eks": 3}, "endpoints.eks must be a map, got 3"),
        ({"eks": {**HTTP, "kind": "ftp"}}, "endpoints.eks.kind: Input should be 'http', 'sagemaker'"),
        ({"eks": {**HTTP, "model": ""}}, "endpoints.eks.model: String should have at least 1 character"),
        ({"eks": {**HTTP, "address": "eks.example.com"}}, "endpoints.eks: address must be an http:// or https:// URL"),
        ({"eks": {**HTTP, "kind": "lambda"}}, "endpoints.eks: region is needed by the kind lambda"),
        ({"later": ASYNC}, "endpoints.later: inputs must be s3://bucket/prefix, got ''"),
        ({"eks": {**HTTP, "model": "cats"}}, "the golden output cannot be read"),
        (None, "the stack's outputs lack `endpoints`"),
    ],
)
def test_outputs_that_cannot_be_asked_are_one_line_and_exit_code_2(
    checkout: Path, capsys: pytest.CaptureFixture[str], endpoints: object, message: str
) -> None:
    outputs = checkout / "outputs.json"
    outputs.write_text(json.dumps({} if endpoints is None else {"endpoints": endpoints}))

    code = main(["--stack", "dev", "--outputs", str(outputs)], checkout)

    printed = capsys.readouterr()
    assert (code, printed.out, printed.err.count("\n")) == (2, "", 1)
    assert printed.err.startswith("error: ")
    assert message in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "aks"], "there is no endpoint aks; the stack has eks"),
        (["--address", "aks=http://127.0.0.1"], "there is no endpoint aks; the stack has eks"),
        (["--address", "eks"], "--address eks: must be NAME=URL"),
        (["--address", "eks=ftp://127.0.0.1"], "address must be an http:// or https:// URL"),
        (["--outputs", "absent.json"], "--outputs absent.json: "),
        (["--stack", "live"], "no stack 'live'"),
    ],
)
def test_wrong_options_are_one_line_and_exit_code_2(smoke: Smoke, arguments: list[str], message: str) -> None:
    run = smoke({"eks": HTTP}, *arguments)

    assert (run.code, run.out, run.err.count("\n")) == (2, "", 1)
    assert message in run.err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon", "3601"])
def test_a_time_that_is_none_is_refused(smoke: Smoke, seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        smoke({"eks": HTTP}, "--timeout", seconds)

    assert ended.value.code == 2
    assert "--timeout" in capsys.readouterr().err


def test_outputs_that_are_no_json_say_how_to_get_some(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "outputs.json").write_text("Current stack outputs (1):")

    assert main(["--stack", "dev", "--outputs", str(checkout / "outputs.json")], checkout) == 2
    assert "use `pulumi stack output --json`" in capsys.readouterr().err


def test_what_the_program_exports_is_what_is_asked() -> None:
    from infra.endpoint import Endpoint, EndpointKind
    from infra.smoke.outputs import targets

    endpoint = Endpoint(
        kind=EndpointKind.SAGEMAKER_ASYNC,
        address="later",
        model="digits",
        region="eu-west-1",
        inputs="s3://b/inputs",
        resource_id="/subscriptions/s",
    )
    (target,) = targets(json.dumps({"endpoints": {"later": endpoint.exported()}}), {}, [])

    assert target.model_dump() == {"name": "later", **endpoint.exported()}


def test_every_option_that_the_page_of_targets_names_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    options = capsys.readouterr().out
    page = (ROOT / "docs/targets.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(--[a-z]+)", page))
    assert {"--outputs", "--address", "--timeout"} <= named
    assert [option for option in sorted(named) if option not in options] == []
