"""What is committed in results/published: small, without traces of a machine, and rebuildable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rsbench.report.write import write_report
from rsbench.store import RunFolder

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
RUNS = sorted(each.parent for each in PUBLISHED.rglob("run.json"))
#: Folders at the root of a machine, and drives: none of them is in a relative path.
ABSOLUTE = re.compile(r"[\s\"'](/(home|root|tmp|work|opt|Users|mnt|data)/|[A-Z]:\\)")


def test_all_of_it_stays_below_30_megabytes() -> None:
    assert sum(each.stat().st_size for each in PUBLISHED.rglob("*") if each.is_file()) < 30e6


@pytest.mark.parametrize("run", RUNS, ids=[each.name for each in RUNS])
def test_a_published_run_says_what_made_it_and_hides_the_machine(run: Path) -> None:
    about = (run / "README.md").read_text(encoding="utf-8")
    assert "Made by `rsbench run" in about
    assert re.search(r"commit [0-9a-f]{12};", about), "made of changed code"
    place = run.relative_to(PUBLISHED.parents[1]).as_posix()
    assert f"rsbench report {place}" in about
    for file in (run / "run.json", run / "matrix.yaml", *run.glob("cells/*/record.json")):
        assert not ABSOLUTE.search(file.read_text(encoding="utf-8")), file
    assert not list(run.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("name", "part", "table"),
    [
        ("ablation-combination-demo", "ablations", "ablation_position_depth"),
        ("ablation-init-demo", "ablations", "ablation_init_meaning"),
    ],
)
def test_its_tables_come_back_from_the_records(
    name: str, part: str, table: str, tmp_path: Path
) -> None:
    run = PUBLISHED / name
    write_report(RunFolder(run), only=(part, "main"), out=tmp_path, figures=False)
    for each in (table, "main"):
        old, new = (folder / "tables" / f"{each}.csv" for folder in (run, tmp_path))
        assert new.read_text(encoding="utf-8") == old.read_text(encoding="utf-8")
