from infra.compatibility.page import page
from infra.compatibility.pins import pins
from infra.compatibility.table import table


def rows() -> list[list[str]]:
    """The cells of every table row of the page."""
    return [line.strip("| \n").split(" | ") for line in page().splitlines() if line.startswith("| ")]


def test_every_row_of_the_table_and_every_pin_is_on_the_page() -> None:
    found, shown = table(), {row[0] for row in rows()}

    assert shown >= {*found.gpus, *found.software, *(f"`{name}`" for name in found.drivers)}
    assert shown >= {pin.name for pin in pins()}


def test_a_gpu_says_whether_it_runs_the_model_server() -> None:
    runs = {row[0]: row[3] for row in rows() if row[0] in table().gpus}

    assert (runs["T4"], runs["H100"], runs["V100"], runs["B200"]) == ("yes", "yes", "no", "no")


def test_what_is_not_verified_is_marked() -> None:
    [a10g] = [row for row in rows() if row[0] == "A10G"]

    assert "not verified: AWS's own model" in a10g[4]
