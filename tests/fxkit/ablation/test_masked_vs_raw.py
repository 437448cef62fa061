"""masked-vs-raw: predictions with a known verdict, and complete runs on synthetic films."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from fxkit.ablation.clean_films import clean_films, select_cleaned
from fxkit.ablation.masked_vs_raw import MATRIX, conclude, list_divisions, masked_vs_raw
from fxkit.ablation.result import format_lines, format_table
from fxkit.ablation.settings import QUICK, AblationOptions, read_ablation_settings
from fxkit.ablation.write_arms import ArmOptions, Roots, write_arms
from fxkit.config import Config, load_config
from fxkit.data.manifest import films_hash
from fxkit.errors import DataError, RunError
from fxkit.index.build import Index, IndexOptions, index_data
from fxkit.metrics.predictions import Predictions
from fxkit.report.coverage import ClassCoverage, Coverage
from fxkit.synth.dataset import Synthetic
from preprocess.folder.clean_folder import FolderOptions, clean_folder


def cover(n: int = 60, cleaned: int = 60) -> Coverage:
    part = ClassCoverage(n_films=n, n_erased=cleaned, n_left=0, cleaned=cleaned)
    return Coverage(2 * cleaned, 2 * n, {"no": part, "yes": part})


ERASED = cover()
PRESET = read_ablation_settings("masked-vs-raw")


def predictions(scores: np.ndarray, labels: np.ndarray) -> Predictions:
    names = tuple(f"film{i}" for i in range(len(labels)))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - scores, scores], axis=1), names, names)


def arms(without_markers: float, seed: int = 0) -> dict[tuple[str, str], list[Predictions]]:
    """Return predictions for 120 films; without their own markers, raw-trained models keep a fraction of the signal."""
    rng = np.random.default_rng(seed)
    labels = np.arange(120) % 2
    noise = rng.normal(0, 0.25, 120)

    def scores(signal: float) -> np.ndarray:
        return np.clip(0.5 + signal * (labels - 0.5) * 0.5 + noise, 0.01, 0.99)

    strength = {("raw", "cleaned"): without_markers, ("raw", "swapped"): without_markers}
    pairs = {(a, b) for a in MATRIX for b in MATRIX}
    pairs |= {("raw", b) for b in ("inserted", "inserted-patch", "swapped", "swapped-patch", "swapped-same")}
    return {pair: [predictions(scores(strength.get(pair, 1.0)), labels)] for pair in sorted(pairs)}


def test_a_score_that_falls_without_the_markers_is_reliance() -> None:
    result = conclude(arms(0.0), PRESET, "quick", ERASED)
    contrasts = {c.key: c for c in result.contrasts}
    assert result.verdict == "reliance"
    assert contrasts["markers"].value > 0.3
    assert contrasts["markers"].p < 0.01
    assert contrasts["log_odds"].low > 0
    assert abs(contrasts["between_arms"].value) < 1e-9
    assert contrasts["between_arms"].p == 1
    assert (result.n_files, result.n_films, result.n_groups) == (120, 120, 120)
    swapped = next(flip for flip in result.flips if flip.name == "swapped")
    assert swapped.by_marker > swapped.by_patch
    assert swapped.difference.low > 0
    assert any(line.startswith("markers of another class swapped: ") for line in format_lines(result))


def test_a_drop_from_pasting_any_marker_is_no_reliance() -> None:
    tested = arms(1.0)
    covered = arms(0.0)["raw", "swapped"]  # as if any pasted marker hid the fracture
    tested |= {("raw", arm): covered for arm in ("swapped", "swapped-same")}
    result = conclude(tested, PRESET, "quick", ERASED)
    assert {c.key: c.value for c in result.contrasts}["swapped"] == 0
    assert next(flip for flip in result.flips if flip.name == "swapped").difference.low > 0
    assert result.verdict != "reliance"


def test_an_unchanged_score_is_no_evidence() -> None:
    assert conclude(arms(1.02), PRESET, "quick", ERASED).verdict == "no evidence"


def test_few_cleaned_films_are_undecided_and_the_others_score_is_told() -> None:
    unmarked = {f"film{i}" for i in range(6, 120)}
    result = conclude(arms(1.02), PRESET, "quick", cover(cleaned=3), unmarked)
    assert result.verdict == "undecided"
    assert result.unmarked is not None
    assert (result.unmarked.n, result.coverage["no"].n_films) == (114, 60)
    assert "only 6 of 120 test films (3 of 60 no, 3 of 60 yes) were cleaned" in result.reason
    assert "on the 114 raw test films without a marker that was found" in result.reason
    assert conclude(arms(1.02), PRESET, "quick", cover(cleaned=3), {"film1", "film3"}).unmarked is None  # of one class


def test_reliance_below_the_margin_is_reported_as_small() -> None:
    result = conclude(arms(0.98), PRESET, "quick", ERASED)
    assert result.verdict == "reliance"
    assert result.reason.endswith("but by less than 0.05")


def test_quick_mode_has_at_least_ten_divisions() -> None:
    two = read_ablation_settings("masked-vs-raw", seeds=[3, 1])
    assert list_divisions(two, QUICK) == (3, 1, 4, 5, 6, 7, 8, 9, 10, 11)
    assert list_divisions(two, AblationOptions(full=True)) == (3, 1)
    assert list_divisions(read_ablation_settings("masked-vs-raw", seeds=[3], folds=0), QUICK) == (3,)
    assert list_divisions(read_ablation_settings("masked-vs-raw", seeds=range(12)), QUICK) == tuple(range(12))


def test_pasted_films_may_exist_for_some_seeds_only() -> None:
    one, two = arms(0.0, seed=1), arms(0.0, seed=2)
    both = {pair: runs + two[pair] if pair[1] in MATRIX else runs for pair, runs in one.items()}
    assert conclude(both, PRESET, "quick", ERASED).flips == conclude(one, PRESET, "quick", ERASED).flips


def test_cells_of_the_table_are_means_over_seeds() -> None:
    one, two = arms(0.0, seed=1), arms(0.6, seed=2)
    together = conclude({key: one[key] + two[key] for key in one}, PRESET, "quick", ERASED)
    single = [conclude(part, PRESET, "quick", ERASED) for part in (one, two)]
    for i, cell in enumerate(together.cells):
        assert cell.value == pytest.approx(np.mean([s.cells[i].value for s in single]))


def test_the_table_has_a_row_for_each_arm() -> None:
    rows = format_table(conclude(arms(0.0), PRESET, "quick", ERASED))
    assert set(rows[0]) == {"auroc by film", *(f"tested on {arm}" for arm in MATRIX)}
    assert {row[0] for row in rows[1:]} == {f"trained on {arm}" for arm in MATRIX}


@pytest.fixture(scope="module")
def cleaned(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ablate") / "films-clean"
    clean_folder(made.root, out, FolderOptions(markers=made.root / "markers.json"))
    return out


@pytest.fixture(scope="module")
def index(made: Synthetic) -> Index:
    return index_data(made.root, IndexOptions(copies=False))


@pytest.fixture(scope="module")
def roots(index: Index, cleaned: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Roots]:
    options = ArmOptions(folds=3, seeds=[0, 1])
    return write_arms(index.root, cleaned, index.records, tmp_path_factory.mktemp("arms"), options)


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]"])


@pytest.mark.slow
def test_quick_mode_tests_every_arm_on_every_film(
    config: Config, index: Index, roots: dict[int, Roots], tmp_path: Path
) -> None:
    preset = read_ablation_settings("masked-vs-raw", seeds=[0, 1], folds=3)
    result = masked_vs_raw(config, roots, index.records, tmp_path, preset)
    written = json.loads((tmp_path / "ablation.json").read_text())
    assert written["verdict"] == result.verdict
    assert {(c["trained"], c["tested"]) for c in written["cells"]} == {(a, b) for a in MATRIX for b in MATRIX}
    assert [c["key"] for c in written["contrasts"]][:2] == ["markers", "swapped"]
    assert (result.mode, result.folds, result.seeds, result.n_films) == ("quick", 3, tuple(range(10)), 24)
    assert (result.backbone, result.manifest) == (config.model.backbone, films_hash(index.records, split=False))
    assert result.n_erased is not None
    assert 0 < result.n_erased <= result.n_files == len(index.records)
    assert {label: part.n_films for label, part in result.coverage.items()} == {"fractured": 12, "not_fractured": 12}
    assert result.made_with["preprocessing.image_size"] == 64
    with pytest.raises(RunError, match="holds an ablation already"):
        masked_vs_raw(config, roots, index.records, tmp_path, preset)
    again = masked_vs_raw(config, roots, index.records, tmp_path, preset, AblationOptions(overwrite=True))
    assert again == result


@pytest.mark.slow
def test_full_mode_trains_and_resumes(config: Config, index: Index, roots: dict[int, Roots], tmp_path: Path) -> None:
    preset = read_ablation_settings("masked-vs-raw", seeds=[0], folds=0)
    steps: list[str] = []
    result = masked_vs_raw(
        config, roots, index.records, tmp_path, preset, AblationOptions(full=True), on_step=steps.append
    )
    trained = [f"seed 0: training on {arm} films" for arm in ("raw", "cleaned", "markers")]
    assert [step for step in steps if step.startswith("seed")] == trained
    assert "looking for markers on the cleaned films" in steps
    assert (tmp_path / "raw-seed0" / "model.safetensors").is_file()
    assert result.mode == "full"
    again = masked_vs_raw(config, roots, index.records, tmp_path, preset, AblationOptions(full=True, resume=True))
    assert again.cells == result.cells
    other = load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]", "optim.head_lr=1e-2"])
    with pytest.raises(RunError, match="was started with other 'optim' settings"):
        masked_vs_raw(other, roots, index.records, tmp_path, preset, AblationOptions(full=True, resume=True))


def test_a_leaking_split_is_refused_or_stamped(
    config: Config, made: Synthetic, roots: dict[int, Roots], tmp_path: Path
) -> None:
    leaking = index_data(made.root, IndexOptions(split="random", copies=False))
    preset = read_ablation_settings("masked-vs-raw", seeds=[0], folds=0)
    with pytest.raises(DataError, match=r"^the split leaks: of \d+ test files"):
        masked_vs_raw(config, roots, leaking.records, tmp_path, preset)
    result = masked_vs_raw(config, roots, leaking.records, tmp_path, preset, AblationOptions(allow_leaks=True))
    assert result.stamp.startswith("leaking split: of ")
    assert json.loads((tmp_path / "ablation.json").read_text())["stamp"] == result.stamp


def test_films_that_could_not_be_cleaned_are_in_no_arm(index: Index, cleaned: Path, tmp_path: Path) -> None:
    lines = (cleaned / "ledger.jsonl").read_text().splitlines(keepends=True)
    row = json.loads(lines[0]) | {"status": "failed", "output": "", "error": "for the test"}
    (tmp_path / "ledger.jsonl").write_text(json.dumps(row) + "\n" + "".join(lines[1:]))
    assert {r.path for r in index.records} - {r.path for r in select_cleaned(tmp_path, index.records)} == {row["path"]}


def test_films_cleaned_from_other_files_are_refused(index: Index, cleaned: Path) -> None:
    record = replace(index.records[0], sha256="0" * 64)
    with pytest.raises(DataError, match=r"was cleaned from a different file than the one in the manifest"):
        select_cleaned(cleaned, [record])


def test_raw_films_that_were_not_cleaned_are_refused(
    config: Config, index: Index, roots: dict[int, Roots], made: Synthetic, tmp_path: Path
) -> None:
    copy = tmp_path / "films"
    shutil.copytree(made.root, copy)
    first = index.records[0].path
    cv2.imwrite(str(copy / first), np.zeros((64, 64), np.uint8))
    changed = {0: {**roots[0], "raw": copy}}
    preset = read_ablation_settings("masked-vs-raw", seeds=[0], folds=3)
    with pytest.raises(DataError, match=rf"{first}: is not the file that was cleaned into .*; expected the same films"):
        masked_vs_raw(config, changed, index.records, tmp_path / "out", preset)


def test_a_test_split_without_films_of_a_class_is_refused(
    config: Config, index: Index, roots: dict[int, Roots], tmp_path: Path
) -> None:
    records = [r for r in index.records if not (r.split == "test" and r.label == "fractured")]
    preset = read_ablation_settings("masked-vs-raw", folds=0)
    with pytest.raises(DataError, match="split 'test' has no usable film of class 'fractured'"):
        masked_vs_raw(config, roots, records, tmp_path, preset)


@pytest.mark.slow
def test_films_that_are_not_cleaned_yet_are_cleaned(tmp_path: Path) -> None:
    from fxkit.synth.dataset import SynthOptions, synth

    made = synth(tmp_path / "films", SynthOptions(films=6, size_px=160))
    index = index_data(made.root, IndexOptions(split="none"))
    out, records = clean_films(index.root, index.records)
    assert out == tmp_path / "films-clean"
    assert (out / "ledger.jsonl").is_file()
    assert len(records) == 6
