import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from infra.preflight import stack
from infra.preflight.__main__ import main
from infra.preflight.answer import Answer, Question, Section, failed, ok, warning
from infra.preflight.errors import NotSignedIn, Unanswerable
from infra.preflight.run import ask_all

Sections = Callable[..., None]


@pytest.fixture
def sections(monkeypatch: pytest.MonkeyPatch) -> Sections:
    """Sets what is asked instead of a stack's own questions."""

    def put(*found: Section) -> None:
        def given(name: str, root: Path) -> Sequence[Section]:
            del name, root
            return found

        monkeypatch.setattr(stack, "sections", given)

    return put


def question(answer: Answer) -> Question:
    return Question(answer.asked, lambda: [answer])


def section(*answers: Answer) -> Section:
    return Section(title="AWS eu-west-1", questions=list(map(question, answers)))


def raising(error: Exception) -> Question:
    def ask() -> Sequence[Answer]:
        raise error

    return Question("quota", ask)


def test_all_is_well(sections: Sections, capsys: pytest.CaptureFixture[str]) -> None:
    sections(section(ok("quota", "16 vCPUs needed"), warning("spot price of g6.xlarge", "none", "add types")))

    assert main(["--stack", "prod"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "AWS eu-west-1",
        "  ok      quota                    16 vCPUs needed",
        "  warning spot price of g6.xlarge  none",
        "          -> add types",
        "",
        "1 ok, 1 warning, 0 failed, 0 unknown",
    ]


def test_one_failure_is_exit_code_1_and_hides_no_other_answer(
    sections: Sections, capsys: pytest.CaptureFixture[str]
) -> None:
    sections(section(failed("quota", "1 short", "ask for more"), ok("images", "there")))

    assert main(["--stack", "prod"]) == 1
    assert "  ok      images" in capsys.readouterr().out


def test_what_nobody_knows_is_told_and_fails_nothing(sections: Sections, capsys: pytest.CaptureFixture[str]) -> None:
    sections(Section(title="AWS", questions=[raising(Unanswerable("denied", "give the caller ec2:DescribeVpcs"))]))

    assert main(["--stack", "prod"]) == 0
    assert "-> give the caller ec2:DescribeVpcs" in capsys.readouterr().out


def test_a_section_without_credentials_is_exit_code_2_and_the_others_are_asked(
    sections: Sections, capsys: pytest.CaptureFixture[str]
) -> None:
    shut = Section(
        title="Azure",
        sign_in=raising(NotSignedIn("no sign-in", "az login")),
        questions=[question(ok("not to be asked", "asked"))],
    )
    sections(shut, section(ok("quota", "enough")))

    assert main(["--stack", "prod"]) == 2
    printed = capsys.readouterr().out
    assert "-> az login" in printed
    assert "not to be asked" not in printed
    assert "  ok      quota" in printed


def test_a_mistake_of_our_own_hides_no_other_answer(sections: Sections, capsys: pytest.CaptureFixture[str]) -> None:
    sections(Section(title="AWS", questions=[raising(KeyError("Quota")), question(ok("images", "there"))]))

    assert main(["--stack", "prod"]) == 0
    printed = capsys.readouterr().out
    assert "KeyError: 'Quota'" in printed
    assert "  ok      images" in printed


def test_answers_as_json_hold_what_the_table_does(sections: Sections, capsys: pytest.CaptureFixture[str]) -> None:
    sections(section(failed("quota", "1 short", "ask for more")))

    main(["--stack", "prod", "--json"])

    assert json.loads(capsys.readouterr().out) == {
        "stack": "prod",
        "answers": [
            {
                "section": "AWS eu-west-1",
                "status": "failed",
                "asked": "quota",
                "found": "1 short",
                "fix": "ask for more",
            }
        ],
    }


def test_progress_goes_to_stderr(sections: Sections, capsys: pytest.CaptureFixture[str]) -> None:
    sections(section(ok("quota", "enough")))

    main(["--stack", "prod"])

    assert "asked 1 of 1: quota" in capsys.readouterr().err


def test_a_question_without_an_end_is_unknown_after_the_time() -> None:
    released = threading.Event()

    def hang() -> Sequence[Answer]:
        released.wait(30)
        return []

    try:
        asked = Section(title="AWS", questions=[Question("slow", hang), question(ok("quick", "there"))])
        (findings,) = ask_all([asked], 0.3, lambda _: None)
    finally:
        released.set()

    assert [(answer.asked, answer.status.value) for answer in findings.answers] == [
        ("slow", "unknown"),
        ("quick", "ok"),
    ]


def test_a_stack_that_is_not_there_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n", encoding="utf-8")

    assert main(["--stack", "nope"], tmp_path) == 2
    assert "no stack 'nope'" in capsys.readouterr().err
