"""The public Python API: stable names, and the functions that combine several modules."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import fxkit
from fxkit.models.run_folder import Run
from fxkit.synth.dataset import Synthetic
from preprocess.images import read_grey8

STABLE_NAMES = {
    "evaluate",
    "audit",
    "intervals",
    "compare",
    "ablate",
    "explain_module",
    "read_image",
    "clean_image",
    "clean_folder",
    "CleanSettings",
    "FolderOptions",
    "index_data",
    "IndexOptions",
    "write_index",
    "read_manifest",
    "write_manifest",
    "Record",
    "find_copies",
    "CopyGroups",
    "CopyMatch",
    "assign_splits",
    "count_splits",
    "count_leaks",
    "write_data_card",
    "load_config",
    "Config",
    "train",
    "TrainOptions",
    "evaluate_run",
    "evaluate_other",
    "EvaluationOptions",
    "predict",
    "Predictions",
    "Interval",
    "evaluate_predictions",
    "group_interval",
    "compare_predictions",
    "compare_runs",
    "run_ablation",
    "read_ablation_settings",
    "AblationOptions",
    "build_report",
    "build_audit",
}


def test_the_public_names_do_not_change() -> None:
    assert set(fxkit.__all__) == {"__version__", *STABLE_NAMES}


@pytest.mark.parametrize("name", sorted(STABLE_NAMES))
def test_every_public_name_is_importable_and_documented(name: str) -> None:
    public = getattr(fxkit, name)
    assert (public.__doc__ or "").strip()
    assert name in dir(fxkit)


def test_the_type_stub_lists_the_same_names() -> None:
    stub = (Path(fxkit.__file__).parent / "__init__.pyi").read_text(encoding="utf-8")
    assert set(re.findall(r"import (\w+) as \1\n", stub)) == STABLE_NAMES


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'fxkit' has no attribute 'nonsense'"):
        _ = fxkit.nonsense  # type: ignore[attr-defined]


def test_importing_fxkit_loads_nothing_heavy() -> None:
    code = "import fxkit, sys; print([m for m in ('numpy', 'torch', 'cv2', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_clean_image_erases_the_markers_of_synthetic_films(made: Synthetic) -> None:
    paths = sorted(made.root.glob("*/*.png"))
    cleaned = [fxkit.clean_image(fxkit.read_image(path)) for path in paths[:6]]
    assert any(result.markers for result in cleaned)
    for path, result in zip(paths, cleaned, strict=False):
        image = fxkit.read_image(path)
        assert np.array_equal(result.image[~result.mask], image[~result.mask])


def test_copies_are_found_among_arrays_and_paths(made: Synthetic, tmp_path: Path) -> None:
    first, second = (read_grey8(sorted(made.root.glob(f"{name}/*.png"))[0]) for name in ("fractured", "not_fractured"))
    cv2.imwrite(str(tmp_path / "rotated.png"), cv2.rotate(first, cv2.ROTATE_90_CLOCKWISE))
    copies = fxkit.find_copies([first, second, tmp_path / "rotated.png", np.ascontiguousarray(255 - first), first])
    assert copies.groups == (0, 1, 0, 0, 0)
    assert {(match.first, match.second) for match in copies.matches if match.joined} <= {(0, 2), (0, 3), (2, 3)}


def test_find_copies_accepts_an_empty_list() -> None:
    assert fxkit.find_copies([]) == fxkit.CopyGroups((), ())


def test_predict_takes_a_run_folder(trained: Run) -> None:
    paths = [trained.root / record.path for record in trained.records if record.split == "test"][:3]
    predictions = fxkit.predict(trained.folder, [*paths, trained.folder / "missing.png"], engine="torch", device="cpu")
    assert [prediction.error == "" for prediction in predictions] == [True] * len(paths) + [False]
    assert all(sum(prediction.probabilities) == pytest.approx(1) for prediction in predictions[:-1])
