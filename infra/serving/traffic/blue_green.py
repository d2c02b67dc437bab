"""All requests to one of two tracks, by the Service's selector."""

from collections.abc import Mapping

from infra.serving.traffic.split import Split


def live_labels(split: Split) -> Mapping[str, str]:
    """Labels of the track that gets every request."""
    (live,) = (track for track in split.tracks if track.weight == 100)
    return live.labels
