"""The fenced blocks of a page."""

import re
from pathlib import Path

SERVER_PAGE = Path(__file__).parents[2] / "docs" / "server.md"


def blocks(page: Path, language: str) -> list[str]:
    """The content of every block in `language`, in order."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f"{page.name} has no {language}"
    return found


def examples(page: Path) -> list[tuple[str, str]]:
    """Every command of the page's `console` blocks with the output that it shows."""
    parts = [part for block in blocks(page, "console") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output.strip()) for command, _, output in (part.partition("\n") for part in parts)]
