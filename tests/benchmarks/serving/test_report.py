import json
from pathlib import Path

from benchmarks.serving import report
from benchmarks.serving.contenders import CONTENDERS
from benchmarks.serving.results import Results


def test_a_processor_s_name_becomes_part_of_a_file_s_name() -> None:
    assert report.slug("AMD EPYC 7B13 (64-Core) Processor ") == "amd-epyc-7b13-64-core-processor"


def test_figures_and_page_are_written(tmp_path: Path, results: Results) -> None:
    figures, page = report.write(tmp_path, results, CONTENDERS, {"rounds": 3})
    document = json.loads(figures.read_text())
    assert figures.name == f"{document['date']}-{report.slug(document['processor'])}.json"
    assert document["plan"] == {"rounds": 3}
    assert document["rows"][0]["over_peer"]["median"] == 4 / 3
    assert len(document["measurements"]) == 12
    assert page.read_text().startswith("# Serving benchmark")
