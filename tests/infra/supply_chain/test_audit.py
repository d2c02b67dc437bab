"""pip-audit as it runs in the pipelines, on answers in OSV's form (https://google.github.io/osv.dev/post-v1-query/)."""

import datetime
import json
import subprocess
from pathlib import Path

import pytest

from infra.supply_chain.__main__ import audited as audited_whole
from infra.supply_chain.audit import LOCKS, command
from infra.supply_chain.exceptions import FILE, ROOT, Finding
from tests.loopback import Loopback, Request, Response

pytestmark = pytest.mark.slow

TODAY = datetime.date(2026, 11, 22)
HASH = f"--hash=sha256:{'0' * 64}"
VULNERABLE = {
    "id": "GHSA-0000-0000-0001",
    "aliases": ["CVE-2026-0001"],
    "summary": "A planted vulnerability.",
    "affected": [
        {
            "package": {"name": "left", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
        }
    ],
}


def answered(request: Request) -> Response:
    """One vulnerability for `left`, none for all others."""
    named = json.loads(request.body)["package"]["name"]
    return Response(body=json.dumps({"vulns": [VULNERABLE]} if named == "left" else {}).encode())


def borne(last: datetime.date) -> list[Finding]:
    return [Finding(id="CVE-2026-0001", purls=["pkg:pypi/left"], statement="It is not reachable.", expired_at=last)]


def test_one_that_is_borne_with_passes(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(f"left==1.0 {HASH}\n")
    with Loopback(answered) as service:
        done = subprocess.run(command(path, borne(TODAY), TODAY, service.url), capture_output=True, text=True)

    assert (done.returncode, done.stderr.strip()) == (0, "No known vulnerabilities found, 1 ignored")


def test_it_is_borne_with_until_its_last_day() -> None:
    yesterday = TODAY - datetime.timedelta(days=1)

    assert "--ignore-vuln=CVE-2026-0001" in command(Path(), borne(TODAY), TODAY, None)
    assert "--ignore-vuln=CVE-2026-0001" not in command(Path(), borne(yesterday), TODAY, None)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One whose lock files have one package each, the image's a vulnerable one."""
    for lock in LOCKS:
        (tmp_path / lock).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / lock).write_text(f"{'left' if 'cpu' in lock else 'right'}==1.0 {HASH}\n")
    (tmp_path / FILE).write_text("vulnerabilities: []")
    return tmp_path


def test_every_lock_file_is_asked_about_and_the_wrong_one_named(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Loopback(answered) as service:
        code = audited_whole(repository, service.url)
        asked = [json.loads(each.body)["package"]["name"] for each in service.requests]

    assert code == 1
    assert sorted(asked) == ["left", *["right"] * (len(LOCKS) - 1)]
    said = capsys.readouterr()
    assert "error: inference_app/requirements-cpu.txt: Found 1 known vulnerability in 1 package" in said.err
    assert "CVE-2026-0001 1.1" in said.err
    assert said.out == "6 lock files, 0 exceptions, 1 to mend\n"


def test_a_service_that_does_not_answer_is_not_a_clean_bill(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Loopback(lambda _: Response(status=503)) as service:
        code = audited_whole(repository, service.url)

    assert code == 1
    assert "error: requirements.txt was not audited, nor what comes after it: " in capsys.readouterr().err


def test_every_lock_file_that_ships_is_audited() -> None:
    patterns = ("requirements*.txt", "inference_app/**/requirements*.txt", "infra/**/requirements*.txt")
    shipped = {str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern)}

    assert shipped - {"requirements-dev.txt"} == {*LOCKS}
