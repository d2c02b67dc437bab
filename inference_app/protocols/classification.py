"""The likeliest classes of a list of scores, as strings.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md
"""

import numpy as np

from inference_app.tensors import Array


def likeliest(scores: Array, count: int, labels: tuple[str, ...] | None) -> Array:
    """`value:index[:label]` of the `count` highest scores of each row, best first; the lower index wins a tie.

    `scores` has the batch axis first, what follows it is one list. The answer has shape (batch, count), with fewer
    columns where there are fewer classes.
    """
    rows = scores.reshape(len(scores), -1)
    last = rows.shape[1] - 1
    # Sorted backwards and turned round, because negating would wrap unsigned scores.
    order = last - np.argsort(rows[:, ::-1], axis=1, kind="stable")[:, ::-1][:, :count]
    best = np.take_along_axis(rows, order, axis=1)
    texts = [
        f"{value:.7g}:{index}:{labels[index]}" if labels else f"{value:.7g}:{index}"
        for value, index in zip(best.reshape(-1).tolist(), order.reshape(-1).tolist(), strict=True)
    ]
    return np.array(texts, dtype=object).reshape(order.shape)
