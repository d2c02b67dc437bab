"""The model's README, with the numbers of the run that made it."""

from pathlib import Path
from string import Template

from inference_app.training.data import LABELS, Digits
from inference_app.training.evaluation import MINIMUM_ACCURACY, TOLERANCE, Evaluation
from inference_app.training.network import FRAMEWORK

_TEMPLATE = Path(__file__).parent / "files" / "card.md"


def render(digits: Digits, evaluation: Evaluation) -> str:
    """Fills the template `files/card.md`."""
    right = int(evaluation.confusion.trace())
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        framework=FRAMEWORK,
        train=f"{len(digits.train):,}",
        validation=len(digits.validation),
        held_out=evaluation.examples,
        right=right,
        accuracy=f"{evaluation.accuracy:.2%}",
        minimum=f"{MINIMUM_ACCURACY:.0%}",
        tolerance=TOLERANCE,
        confusion=_table(evaluation),
    )


def _table(evaluation: Evaluation) -> str:
    rows = [["", *LABELS], ["---:"] * (len(LABELS) + 1)]
    for label, counts in zip(LABELS, evaluation.confusion, strict=True):
        rows.append([f"**{label}**", *(str(count) if count else "" for count in counts)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
