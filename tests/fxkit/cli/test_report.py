"""`fxkit report`."""

from click.testing import CliRunner

from fxkit.cli.report import report
from fxkit.data.manifest import Record, write_manifest
from fxkit.errors import RunError


def test_the_page_is_written_and_its_path_printed(tmp_path):
    row = Record("a.png", "intact", "g", "test", "", 9, 9, "ok", "g")
    write_manifest(tmp_path / "manifest.csv", [row])
    result = CliRunner().invoke(report, [str(tmp_path)])
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'report.html'}\n"
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_a_folder_without_a_run_is_an_error(tmp_path):
    result = CliRunner().invoke(report, [str(tmp_path / "none")])
    assert isinstance(result.exception, RunError)
    assert "nothing to report" in str(result.exception)
