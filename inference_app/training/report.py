"""What a run's model answered to the images held out, for people and for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inference_app.training.evaluation import Evaluation

MOST_NUMBERS = 30
"""Labels, up to which a picture has room for numbers."""


def report(evaluation: Evaluation, labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, macro F1, each label's precision, recall and F1 from 0 to 1, and the counts."""
    columns = zip(labels, evaluation.precision, evaluation.recall, evaluation.f1, evaluation.confusion, strict=True)
    return {
        "examples": evaluation.examples,
        "accuracy": evaluation.accuracy,
        "macro_f1": evaluation.macro_f1,
        "labels": {
            label: {"precision": precision, "recall": recall, "f1": f1, "examples": int(counts.sum())}
            for label, precision, recall, f1, counts in columns
        },
        "confusion": evaluation.confusion.tolist(),
    }


def table(evaluation: Evaluation, labels: Sequence[str]) -> str:
    """The same in lines for a terminal."""
    width = max(map(len, (*labels, "accuracy")))
    columns = zip(labels, evaluation.precision, evaluation.recall, evaluation.f1, evaluation.confusion, strict=True)
    lines = [f"{'':{width}}  precision  recall      f1  examples"]
    lines += [
        f"{label:{width}}  {precision:9.3f}  {recall:6.3f}  {f1:6.3f}  {int(counts.sum()):8,}"
        for label, precision, recall, f1, counts in columns
    ]
    lines.append(f"{'macro F1':{width}}  {evaluation.macro_f1:25.3f}")
    lines.append(f"{'accuracy':{width}}  {evaluation.accuracy:25.3f}  {evaluation.examples:8,}")
    return "\n".join(lines)


def draw(evaluation: Evaluation, labels: Sequence[str], path: Path) -> None:
    """Writes the confusion matrix as a picture, shaded by the share of each true label."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from sklearn.metrics import ConfusionMatrixDisplay

    numbers = len(labels) <= MOST_NUMBERS
    side = max(4.0, min(0.5 * len(labels) + 1, 20.0))
    figure, axes = pyplot.subplots(figsize=(side, side), layout="constrained")
    shown = ConfusionMatrixDisplay(evaluation.confusion, display_labels=list(labels) if numbers else None)
    shown.plot(ax=axes, include_values=numbers, cmap="Blues", colorbar=False, xticks_rotation="vertical")
    axes.set_title(f"{evaluation.right} of {evaluation.examples} held-out images right")
    figure.savefig(path, dpi=100, metadata={"Software": None})
    pyplot.close(figure)
