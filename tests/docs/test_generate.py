import re
from pathlib import Path

import pytest

from docs.generate import FOLDER, PAGES, settings_page

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_every_setting_says_what_it_means() -> None:
    rows = [row for row in settings_page().splitlines() if row.startswith("| `")]

    assert len(rows) > 60
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_command_that_the_readme_names_is_a_target() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", readme))
    assert named >= {"demo", "test", "test-all", "up", "destroy"}
    assert named - targets == set()


def test_every_path_that_the_readme_links_to_is_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    paths = re.findall(r"\]\((?!http)([^)#]+)\)", readme)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
