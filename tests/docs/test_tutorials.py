"""The tutorials work: their code runs in order, and it prints what the pages show."""

from pathlib import Path

import pytest

from .conftest import DOCS, run_page

# Pages that continue in the folder of the page before them form one list.
SERIES = [
    ["tutorials/clean"],
    ["tutorials/copies"],
    ["tutorials/train", "tutorials/ablation", "tutorials/audit"],
]


@pytest.mark.slow
@pytest.mark.parametrize("pages", SERIES, ids=" ".join)
def test_the_code_of_tutorials_runs(pages: list[str], tmp_path: Path) -> None:
    for page in pages:
        run_page(DOCS / f"{page}.md", tmp_path)


def test_every_tutorial_is_run() -> None:
    tutorials = {f"tutorials/{page.stem}" for page in (DOCS / "tutorials").glob("*.md")}
    assert tutorials <= {page for pages in SERIES for page in pages}
