import re
from pathlib import Path

from pydantic import BaseModel

from infra.settings.messages import model_in
from infra.settings.stack import StackSettings

PAGE = Path(__file__).parents[2] / "docs" / "targets.md"


def test_every_block_that_the_page_names_is_one() -> None:
    section = PAGE.read_text(encoding="utf-8").split("## Limits")[0]
    named = re.findall(r"^\| [^|]+ \| `([A-Za-z.]+)` \|", section, re.MULTILINE)

    assert len(named) == 10
    assert [block for block in named if not is_block(block)] == []


def is_block(path: str) -> bool:
    model: type[BaseModel] | None = StackSettings
    for key in path.split("."):
        fields = {field.alias: field for field in model.model_fields.values()} if model else {}
        model = model_in(fields[key].annotation) if key in fields else None
    return model is not None
