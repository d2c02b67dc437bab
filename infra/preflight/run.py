"""All questions side by side, in one bounded time."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from infra.preflight.answer import Answer, Question, Section, unknown
from infra.preflight.errors import NotSignedIn, Unanswerable

Say = Callable[[str], None]
"""Tells the user of progress, a line at a time."""

WORKERS = 8


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Answers, in the order of their questions, and whether the cloud knew who asked."""

    title: str
    answers: Sequence[Answer]
    signed_in: bool = True


def ask_all(sections: Sequence[Section], timeout: float, say: Say) -> list[Findings]:
    """Ask every question of every section; one without an answer after `timeout` seconds is unknown."""
    deadline = time.monotonic() + timeout
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="preflight")
    try:
        found = _gather(pool, [each.sign_in for each in sections if each.sign_in], deadline, say)
        entered = [each for each in sections if each.sign_in is None or found[each.sign_in].signed_in]
        found |= _gather(pool, [question for each in entered for question in each.questions], deadline, say)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return [_of_section(section, found) for section in sections]


def _of_section(section: Section, found: Mapping[Question, Findings]) -> Findings:
    asked = [section.sign_in, *section.questions] if section.sign_in else section.questions
    parts = [found[question] for question in asked if question in found]
    return Findings(
        title=section.title,
        answers=[answer for part in parts for answer in part.answers],
        signed_in=all(part.signed_in for part in parts),
    )


def _gather(
    pool: ThreadPoolExecutor, questions: Sequence[Question], deadline: float, say: Say
) -> dict[Question, Findings]:
    work: dict[Future[Findings], Question] = {pool.submit(_findings, question): question for question in questions}
    found: dict[Question, Findings] = {}
    try:
        for future in as_completed(work, timeout=max(0.0, deadline - time.monotonic())):
            found[work[future]] = future.result()
            say(f"asked {len(found)} of {len(work)}: {work[future].asked}")
    except TimeoutError:
        late = Unanswerable("no answer in time", "give it longer with --timeout")
        found |= {each: _no_answer(each, late) for each in questions if each not in found}
    return found


def _findings(question: Question) -> Findings:
    try:
        return Findings(title=question.asked, answers=list(question.ask()))
    except Unanswerable as reason:
        return _no_answer(question, reason)
    except Exception as error:  # noqa: BLE001 - one question's surprise must not hide the others' answers
        surprise = Unanswerable(f"{type(error).__name__}: {error}", "a mistake in infra.preflight: please report it")
        return _no_answer(question, surprise)


def _no_answer(question: Question, reason: Unanswerable) -> Findings:
    answers = [unknown(question.asked, reason)]
    return Findings(title=question.asked, answers=answers, signed_in=not isinstance(reason, NotSignedIn))
