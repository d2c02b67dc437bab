from infra.comment import MARK
from infra.difference.change import changes
from infra.difference.compared import Compared
from infra.difference.document import LARGEST, document, fenced
from infra.difference.side import Side
from tests.infra.difference.test_change import resource

DIFF = "--- eks/a.yaml\n+++ eks/a.yaml\n@@ -1 +1 @@\n-x: 1\n+x: 2"


def compared(count: int) -> Compared:
    before = [resource("a", {"tags": {str(number): "1" for number in range(30)}})]
    found = changes(before, [resource("a", {})])
    return Compared(stack="dev", before=Side(), after=Side(), changes=found, manifests=[DIFF] * count)


def test_it_begins_with_the_mark_by_which_it_is_found_again() -> None:
    assert document("main", [compared(1)]).startswith(MARK)


def test_a_comment_is_cut_at_a_whole_part_and_says_so() -> None:
    whole, cut = (document("main", [compared(2_000)], largest) for largest in (None, LARGEST))

    assert len(whole) > LARGEST >= len(cut) > LARGEST * 0.9
    assert cut.count("<details>") == cut.count("</details>") > 100
    assert f"**{2_000 - cut.count('<details>'):,} parts are left out**" in cut
    assert "left out" not in whole


def test_a_part_that_is_too_large_leaves_the_parts_before_it() -> None:
    told = document("main", [compared(1)], 300)

    assert "| dev |  | 1 |" in told
    assert "parts are left out" in told


def test_of_many_edits_the_first_are_shown() -> None:
    change = changes([resource("a", {str(number): "1" for number in range(30)})], [resource("a", {})])
    told = document("main", [Compared(stack="dev", before=Side(), after=Side(), changes=change)])

    assert told.count(" -> absent") == 20
    assert "!     and 10 more" in told


def test_a_long_value_is_cut_and_shows_how_it_begins() -> None:
    change = changes([resource("a", {"key": "x" * 500})], [resource("a", {"key": "y"})])
    told = document("main", [Compared(stack="dev", before=Side(), after=Side(), changes=change)])

    assert f'!     key: "{"x" * 119}... -> "y"' in told


def test_nothing_in_a_text_ends_its_block() -> None:
    assert fenced("a\n```\n@team <b>") == "````\na\n```\n@team <b>\n````\n"
