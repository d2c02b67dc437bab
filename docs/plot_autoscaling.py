"""`python -m docs.plot_autoscaling`: draw what `make cluster-test` last saw of the autoscaler."""

import json
from pathlib import Path

from matplotlib import pyplot

ROOT = Path(__file__).parents[1]
SERIES = ROOT / "build" / "autoscaling.json"
PICTURE = ROOT / "docs" / "images" / "autoscaling.png"
SECONDS_BEFORE = 30
"""Seconds before the load that are shown."""


def main() -> None:
    """Draw `build/autoscaling.json` into `docs/images/autoscaling.png`."""
    seen = json.loads(SERIES.read_text(encoding="utf-8"))
    begun, ended = seen["load"]
    end = max(at for at, _ in seen["replicas"]) + 20
    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(9, 5))
    times, rates = zip(*[(at - begun, rate) for at, rate in seen["requests"]], strict=True)
    above.step([-SECONDS_BEFORE, 0, ended - begun, end - begun], [0, seen["rate"], 0, 0], where="post", label="sent")
    above.plot(times, rates, ".", markersize=4, label="as Prometheus tells KEDA (60 s rate)")
    above.set_ylabel("requests/s")
    above.legend(loc="upper right")
    steps = [*seen["replicas"], [end, seen["replicas"][-1][1]]]
    below.step([at - begun for at, _ in steps], [count for _, count in steps], where="post", color="tab:green")
    below.set_ylabel("replicas")
    below.set_xlabel("seconds since the load began")
    for axes in (above, below):
        axes.axvspan(*[at - begun for at in seen["gap"]], color="tab:red", alpha=0.15, label="Prometheus away")
        axes.set_xlim(-SECONDS_BEFORE, end - begun)
        axes.grid(alpha=0.3)
    below.legend(loc="upper right")
    figure.tight_layout()
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(str(PICTURE), dpi=110)  # pyright: ignore[reportUnknownMemberType] - matplotlib's own gap


if __name__ == "__main__":
    main()
