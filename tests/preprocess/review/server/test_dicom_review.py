"""DICOM films stay DICOM when a person corrects them."""

from pathlib import Path

import numpy as np
import pytest

from preprocess.coco import write_coco
from preprocess.dicom import open_dicom
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.ledger import read_ledger
from preprocess.markers import MarkedImage
from preprocess.review.server.opening import open_session

from ...test_dicom_output import LETTER, MARKER, SHAPE, bone, dicom_bytes, stored
from .conftest import serving

pytest.importorskip("pydicom")


def test_a_dicom_film_is_erased_and_restored(tmp_path: Path) -> None:
    source = dicom_bytes(bone(0, 4095), bits=12)
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.dcm").write_bytes(source)
    write_coco(tmp_path / "none.json", {"a.dcm": MarkedImage(SHAPE[1], SHAPE[0])})
    clean_folder(tmp_path / "films", tmp_path / "out", FolderOptions(markers=tmp_path / "none.json"))
    drawn = {"quad": MARKER.quad, "style": "burned"}
    with open_session(tmp_path / "out") as session, serving(session) as client:
        client.save(0, [drawn])
        row = read_ledger(tmp_path / "out")["a.dcm"]
        assert (row.output, row.status, row.judged) == ("a.dcm", "cleaned", True)
        content = (tmp_path / "out" / "a.dcm").read_bytes()
        before, after = stored(source), stored(content)
        assert after[LETTER].mean() < 0.6 * before[LETTER].mean()
        after[4:40, 42:84] = before[4:40, 42:84]
        assert np.array_equal(before, after)
        assert "a person" in open_dicom("a.dcm", content).DerivationDescription
        client.save(0, [])
    assert (tmp_path / "out" / "a.dcm").read_bytes() == source
