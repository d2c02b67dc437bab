import pytest
from matplotlib.figure import Figure

from docs.panels import Series, Shown, draw, told
from infra.monitoring.dashboards.panel import Colour, Kind, Panel, Unit


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.25, Unit.SHARE, "25%"),
        (-0.5, Unit.SHARE, "-50%"),
        (1.5, Unit.SECONDS, "1.5 s"),
        (0.0125, Unit.SECONDS, "12.5 ms"),
        (2.5e-5, Unit.SECONDS, "25 µs"),
        (0, Unit.SECONDS, "0 s"),
        (123.4, Unit.REQUESTS, "123 req/s"),
        (4500, Unit.COUNT, "4500"),
    ],
)
def test_values_are_told_in_their_unit(value: float, unit: Unit, text: str) -> None:
    assert told(value, unit) == text


def shown(kind: Kind, series: list[Series]) -> Shown:
    panel = Panel(title="t", description="d", unit=Unit.SHARE, queries={"q": "up"}, kind=kind, limits={0.5: Colour.RED})
    return Shown(panel=panel, seconds=120, series=series)


def words(drawn: Shown) -> list[str]:
    """Every text on the panel, in reading order of what was drawn."""
    axes = Figure().add_axes((0, 0, 1, 1))  # pyright: ignore[reportUnknownMemberType] - matplotlib's own gap
    draw(axes, drawn)
    legend = axes.get_legend()
    return [text.get_text() for text in [*axes.texts, *(legend.get_texts() if legend else [])]]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("values", [[], [float("nan")]])
def test_a_panel_with_nothing_to_show_says_so(kind: Kind, values: list[float]) -> None:
    series = [Series("a", {"le": "1"}, [0.0] * len(values), values)]

    assert words(shown(kind, series)) == ["No data"]


def test_a_number_is_the_last_value() -> None:
    assert words(shown(Kind.NUMBER, [Series("a", {}, [120.0], [0.75])])) == ["75%"]


def test_a_graph_names_its_series() -> None:
    series = [Series(name, {}, [0.0, 60.0], [0.1, 0.2]) for name in ("stable", "canary")]

    assert words(shown(Kind.GRAPH, series)) == ["stable", "canary"]
