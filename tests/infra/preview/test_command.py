import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.preview.__main__ import main

ROOT = Path(__file__).parents[3]


def program(folder: Path, source: str) -> Path:
    (folder / "Pulumi.yaml").write_text("name: p\nruntime: python\n", encoding="utf-8")
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n", encoding="utf-8")
    (folder / "__main__.py").write_text(f"import pulumi\nimport pulumi_random as random\n{source}\n", encoding="utf-8")
    return folder


def previewed(folder: Path) -> subprocess.CompletedProcess[str]:
    call = f"""import sys, pathlib
from infra.preview.__main__ import main
sys.exit(main(["--stack", "dev"], pathlib.Path({str(folder)!r})))"""
    return subprocess.run([sys.executable, "-c", call], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_preview_prints_its_report_and_writes_its_files(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--stack", "dev", "--out", str(tmp_path)], project)

    printed = capsys.readouterr()
    assert code == 1, "its bucket and its workloads keep no policy"
    assert printed.err == ""
    assert "inference-platform dev" in printed.out
    assert "0 failed checks" in printed.out
    assert "  mandatory: " in printed.out
    assert "Cost per month" in printed.out
    plan = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert len(plan) == 19
    assert list(plan[0]) == ["urn", "type", "name", "parent", "provider", "inputs", "dependencies"]


def test_json_is_all_there_is_on_stdout(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--stack", "dev", "--out", str(tmp_path), "--json"], project)

    printed = capsys.readouterr()
    assert printed.out == (tmp_path / "plan.json").read_text(encoding="utf-8")
    assert "failed checks" in printed.err


def test_two_previews_are_equal_to_the_byte(project: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        main(["--stack", "dev", "--out", str(tmp_path / name)], project)

    first, second = (
        {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("a", "b")
    )
    assert first == second
    assert len(first) == 7


def test_given_values_complete_the_manifests(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = [
        "image.digest=sha256:abc",
        "output.registry.repositoryUrl=r.example.com/models",
        "output.credentials.metadata.name=credentials",
        "output.eks.vpcConfig.clusterSecurityGroupId=sg-1",
    ]

    main(["--stack", "dev", "--out", str(tmp_path), *(word for each in settings for word in ("--set", each))], project)

    deployment = (tmp_path / "manifests/eks-api/06-deployment-server.yaml").read_text(encoding="utf-8")
    assert "image: r.example.com/models@sha256:abc" in deployment
    assert "--set" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stack", "live"], "no stack 'live'"),
        (["--stack", "dev", "--set", "output.registry.url=x"], "did you mean output.registry"),
        (["--stack", "dev", "--set", "image"], "must be KEY=VALUE"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code = main(arguments, project)

    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1


def test_an_error_the_program_means_for_its_user_is_its_line_and_exit_code_2(tmp_path: Path) -> None:
    result = previewed(
        program(tmp_path, "random.RandomPet('pet')\nraise pulumi.RunError('serving.x must be 1, got 0')")
    )

    assert (result.returncode, result.stdout, result.stderr) == (2, "", "serving.x must be 1, got 0\n")


def test_a_failure_on_the_way_to_the_engine_is_one_line_too(tmp_path: Path) -> None:
    source = "pulumi.export('zone', pulumi.StackReference('shared').get_output('zone'))"

    result = previewed(program(tmp_path, source))

    line = "shared: another stack's outputs need --set 'output.shared.outputs={KEY: VALUE}'\n"
    assert (result.returncode, result.stdout, result.stderr) == (2, "", line)


def test_any_other_error_is_a_traceback_and_exit_code_1(tmp_path: Path) -> None:
    result = previewed(program(tmp_path, "random.RandomPet('pet')\n1 / 0"))

    assert result.returncode == 1
    assert result.stderr.startswith("Traceback")
    assert result.stderr.rstrip().endswith("ZeroDivisionError: division by zero")


def test_a_failed_check_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--stack", "dev"], program(tmp_path, "random.RandomPassword('p', length='long')"))

    assert code == 1
    assert "random:index/randomPassword:RandomPassword p: length: must be an integer" in capsys.readouterr().out
    assert (tmp_path / "build/dev/plan.json").is_file()


def test_what_the_program_prints_stays_out_of_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--stack", "dev", "--json"], program(tmp_path, "print('hello')"))

    printed = capsys.readouterr()
    assert json.loads(printed.out) == []
    assert printed.err.startswith("hello\n")
