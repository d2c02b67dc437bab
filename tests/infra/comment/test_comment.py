"""Comments on a stand-in for each forge."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from infra.comment import MARK
from infra.comment.__main__ import main
from tests.loopback import Loopback, Request, Response

TEXT = f"{MARK}\nwhat changes\n"
BOT, PERSON = {"type": "Bot"}, {"type": "User"}
PULLS = [{"number": 6, "head": {"sha": "other"}}, {"number": 7, "head": {"sha": "abc"}}]


def github(url: str) -> dict[str, str]:
    return {
        "GITHUB_API_URL": url,
        "GITHUB_REPOSITORY": "team/platform",
        "COMMENT_TOKEN": "t0ken",
        "HEAD_BRANCH": "stranger:main",
        "HEAD_COMMIT": "abc",
    }


def gitlab(url: str) -> dict[str, str]:
    return {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": url,
        "CI_PROJECT_ID": "3",
        "CI_MERGE_REQUEST_IID": "7",
        "COMMENT_TOKEN": "t0ken",
    }


def answering(answers: Mapping[str, Any]) -> Callable[[Request], Response]:
    """Answers a GET by its path, with pages of 100, and takes everything else."""

    def handle(request: Request) -> Response:
        parts = urlsplit(request.path)
        found: Any = answers.get(parts.path, []) if request.method == "GET" else {}
        if request.method == "GET" and parts.path != "/user":
            page = int(parse_qs(parts.query).get("page", ["1"])[0])
            found = found[100 * (page - 1) : 100 * page]
        return Response(body=json.dumps(found).encode())

    return handle


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "comment.md"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


def written(server: Loopback) -> list[tuple[str, str, str]]:
    return [
        (request.method, request.path, json.loads(request.body)["body"])
        for request in server.requests
        if request.method != "GET"
    ]


def test_the_first_run_makes_the_comment_on_the_pull_request_at_the_runs_commit(file: str) -> None:
    with Loopback(answering({"/repos/team/platform/pulls": PULLS})) as server:
        assert main([file], github(server.url)) == 0

    assert written(server) == [("POST", "/repos/team/platform/issues/7/comments", TEXT)]
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer t0ken"}
    assert server.requests[0].path.endswith("pulls?state=open&head=stranger%3Amain")


def test_a_later_run_writes_its_own_comment_anew_also_from_a_later_page(file: str) -> None:
    comments = [{"id": number, "user": PERSON, "body": MARK} for number in range(120)]
    comments.append({"id": 500, "user": BOT, "body": f"{MARK}\nold"})
    answers = {"/repos/team/platform/pulls": PULLS, "/repos/team/platform/issues/7/comments": comments}
    with Loopback(answering(answers)) as server:
        assert main([file], github(server.url)) == 0

    assert written(server) == [("PATCH", "/repos/team/platform/issues/comments/500", TEXT)]


def test_a_run_that_is_no_longer_the_newest_writes_nothing(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Loopback(answering({"/repos/team/platform/pulls": PULLS[:1]})) as server:
        assert main([file], github(server.url)) == 2

    assert written(server) == []
    assert "no open pull request of stranger:main is at abc" in capsys.readouterr().err


@pytest.mark.parametrize(("author", "expected"), [(1, "POST"), (9, "PUT")])
def test_gitlabs_note_is_made_once_and_strangers_notes_are_left_alone(file: str, author: int, expected: str) -> None:
    notes = "/projects/3/merge_requests/7/notes"
    answers = {"/user": {"id": 9}, notes: [{"id": 5, "author": {"id": author}, "body": f"{MARK}\nold"}]}
    with Loopback(answering(answers)) as server:
        assert main([file], gitlab(server.url)) == 0

    assert written(server) == [(expected, notes if expected == "POST" else f"{notes}/5", TEXT)]
    assert {request.headers["private-token"] for request in server.requests} == {"t0ken"}


@pytest.mark.parametrize(
    ("text", "said"), [("no mark", "must begin with"), (f"{MARK}{'x' * 65_536}", "at most 65,536 characters")]
)
def test_a_text_that_would_not_be_found_again_or_is_too_long_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (tmp_path / "comment.md").write_text(text, encoding="utf-8")
    with Loopback(answering({"/repos/team/platform/pulls": PULLS})) as server:
        assert main([str(tmp_path / "comment.md")], github(server.url)) == 2

    assert written(server) == []
    assert said in capsys.readouterr().err


def test_a_refusal_is_told_without_the_token(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Loopback(lambda _: Response(status=403, body=b"{}")) as server:
        assert main([file], github(server.url)) == 2

    told = capsys.readouterr().err
    assert "status 403; give the token the right to write comments" in told
    assert "t0ken" not in told


def test_a_variable_that_is_missing_is_named(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([file], {"GITLAB_CI": "true"}) == 2
    assert capsys.readouterr().err.startswith("CI_API_V4_URL is not set; docs/pipelines.md")


def test_it_needs_the_standard_library_only() -> None:
    code = "import sys, infra.comment.__main__; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, '.'); {code}"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )

    outside = {name.partition(".")[0] for name in run.stdout.split()} - sys.stdlib_module_names
    assert outside <= {"infra", "__main__", "sitecustomize"}
