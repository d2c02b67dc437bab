from benchmarks.serving import table
from benchmarks.serving.cases import ModelName
from benchmarks.serving.contenders import CONTENDERS
from benchmarks.serving.results import Failure, Results, Start


def test_a_case_is_a_row_with_its_spreads_and_ratios(results: Results) -> None:
    page = table.render(results, CONTENDERS, "Some processor.")
    cells = [
        *("tiny", "json", "64", "10,000 / **20,000** / 40,000", "mosec-orjson 7,500 / **15,000** / 30,000"),
        *("1.33 / **1.33** / 1.33", "16,500 / **33,000** / 66,000", "0.61 / **0.61** / 0.61", "3.00 / 3.00"),
    ]
    assert f"| {' | '.join(cells)} |" in page


def test_every_server_has_its_median_memory_and_first_answer(results: Results) -> None:
    results.starts.append(Start(contender="fastapi", model=ModelName.TINY, round=0, seconds=0.5))
    page = table.render(results, CONTENDERS, "Some processor.")
    assert "| fastapi | 2,700 |" in page
    assert "| fastapi | 10 | 0.50 |" in page
    assert "| triton | - | - |" in page


def test_a_valid_run_says_so(results: Results) -> None:
    assert "at least 90 % of its known figure" in table.render(results, CONTENDERS, "")


def test_a_void_run_says_why_above_its_table(results: Results) -> None:
    results.measurements = [each for each in results.measurements if each.contender != "fastapi" or each.round == 2]
    page = table.render(results, CONTENDERS, "")
    assert page.index("**This run is void**: fastapi made 1,350") < page.index("| model |")


def test_what_failed_is_listed_in_one_line(results: Results) -> None:
    results.failures.append(Failure(contender="ray", model=ModelName.TINY, reason="it died\nand said much"))
    page = table.render(results, CONTENDERS, "")
    assert page.endswith("## Void rows\n\n- ray with tiny: it died\n")
