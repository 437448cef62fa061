"""fxkit review: its address, its errors, and how it ends."""

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from fxkit.cli import main
from preprocess.coco import write_coco
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import write_image
from preprocess.markers import MarkedImage
from preprocess.review.server import serve


@pytest.fixture
def cleaned(tmp_path: Path) -> Path:
    write_image(tmp_path / "films/a.png", np.arange(90 * 120, dtype="uint16").reshape(120, 90))
    write_coco(tmp_path / "m.json", {"a.png": MarkedImage(90, 120)})
    clean_folder(tmp_path / "films", tmp_path / "out", FolderOptions(markers=tmp_path / "m.json"))
    return tmp_path / "out"


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_it_prints_the_address_and_ends_by_a_signal(cleaned: Path, sign: int, code: int) -> None:
    pytest.importorskip("uvicorn")
    command = [sys.executable, "-c", "from fxkit.cli import main; main()", "review", str(cleaned)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("review: http://127.0.0.1:")
        with urllib.request.urlopen(line.split()[1]) as answer:
            assert b"<title>fxkit review</title>" in answer.read()
        process.send_signal(sign)
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == code, error
    assert "Traceback" not in error
    assert ("0 of 1 film judged, 0 saved now" in out) == (code == 0)
    assert not (cleaned.parent / ".out.lock").exists()


def test_errors_are_one_line(
    cleaned: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("uvicorn")

    def run(*options: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["review", *options])
        assert ended.value.code == 1
        return capsys.readouterr().err

    assert "not a cleaned folder" in run(str(cleaned.parent / "films"))
    with serve._open_socket(0) as taken:
        port = str(taken.getsockname()[1])
        assert f"error: port {port}: cannot be used (Address already in use); give another --port" in run(
            str(cleaned), "--port", port
        )
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert run(str(cleaned)).startswith("error: fxkit review needs the extra: pip install 'fxkit[review]'")
