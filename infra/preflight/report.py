"""Answers as a table for people and as JSON for programs."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from infra.preflight.answer import Answer, Status
from infra.preflight.run import Findings


def table(findings: Sequence[Findings]) -> Iterator[str]:
    """A block for each section, a line for each answer and one below it for what to do; then a summary."""
    answers = [answer for each in findings for answer in each.answers]
    width = max((len(answer.asked) for answer in answers), default=0)
    for each in findings:
        yield each.title
        for answer in each.answers:
            yield f"  {answer.status:<8}{answer.asked:<{width}}  {answer.found}"
            if answer.fix:
                yield f"{'':10}-> {answer.fix}"
        yield ""
    yield summary(answers)


def summary(answers: Sequence[Answer]) -> str:
    """How many answers there are of each kind."""
    counted = Counter(answer.status for answer in answers)
    return ", ".join(f"{counted[status]} {status}" for status in Status)


def document(stack: str, findings: Sequence[Findings]) -> str:
    """One object: the stack, and its answers with their section's title."""
    rows = [{"section": each.title, **asdict(answer)} for each in findings for answer in each.answers]
    return json.dumps({"stack": stack, "answers": rows}, indent=2)
