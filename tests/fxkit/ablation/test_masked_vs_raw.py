"""masked-vs-raw: answers known beforehand, and a whole run on made films."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.ablation.learning import Flags
from fxkit.ablation.marker_tests import Erased
from fxkit.ablation.masked_vs_raw import MATRIX, cleaned_records, conclude, divisions, held_by, masked_vs_raw
from fxkit.ablation.result import sentences, table
from fxkit.ablation.settings import ablation_settings
from fxkit.ablation.write_arms import Roots, write_arms
from fxkit.config import Config, load_config
from fxkit.data.manifest import films_hash
from fxkit.errors import DataError, RunError
from fxkit.index.build import Index, IndexOptions, index_data
from fxkit.metrics.predictions import Predictions
from fxkit.synth.dataset import Synthetic
from preprocess.folder.clean_folder import FolderOptions, clean_folder

ERASED = Erased(30, 40)
PRESET = ablation_settings("masked-vs-raw")


def predictions(scores: np.ndarray, labels: np.ndarray) -> Predictions:
    names = tuple(f"film{i}" for i in range(len(labels)))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - scores, scores], axis=1), names, names)


def arms(without_markers: float, seed: int = 0) -> dict[tuple[str, str], list[Predictions]]:
    """120 films; the raw arm's scores keep this much of what they know where the markers are gone or another's."""
    rng = np.random.default_rng(seed)
    labels = np.arange(120) % 2
    noise = rng.normal(0, 0.25, 120)

    def scores(signal: float) -> np.ndarray:
        return np.clip(0.5 + signal * (labels - 0.5) * 0.5 + noise, 0.01, 0.99)

    strength = {("raw", "cleaned"): without_markers, ("raw", "swapped"): without_markers}
    shown = {(a, b) for a in MATRIX for b in MATRIX}
    shown |= {("raw", b) for b in ("inserted", "inserted-patch", "swapped", "swapped-patch", "swapped-same")}
    return {pair: [predictions(scores(strength.get(pair, 1.0)), labels)] for pair in sorted(shown)}


def test_a_score_that_falls_with_the_markers_is_reliance() -> None:
    result = conclude(arms(0.0), PRESET, "quick", Erased(120, 120))
    found = {c.key: c for c in result.contrasts}
    assert result.verdict == "reliance"
    assert found["markers"].value > 0.3
    assert found["markers"].p < 0.01
    assert found["log_odds"].low > 0
    assert abs(found["between_arms"].value) < 1e-9
    assert found["between_arms"].p == 1
    assert (result.n_files, result.n_films, result.n_groups) == (120, 120, 120)
    swapped = next(flip for flip in result.flips if flip.name == "swapped")
    assert swapped.by_marker > swapped.by_patch
    assert swapped.difference.low > 0
    assert any(line.startswith("another class's marker swapped: ") for line in sentences(result))


def test_what_any_pasted_marker_costs_is_no_reliance() -> None:
    tested = arms(1.0)
    covered = arms(0.0)["raw", "swapped"]  # as if pasting hid the fracture, whose class the marker came from or not
    tested |= {("raw", arm): covered for arm in ("swapped", "swapped-same")}
    result = conclude(tested, PRESET, "quick", Erased(120, 120))
    assert {c.key: c.value for c in result.contrasts}["swapped"] == 0
    assert next(flip for flip in result.flips if flip.name == "swapped").difference.low > 0
    assert result.verdict != "reliance"


def test_a_score_that_stays_is_no_evidence() -> None:
    assert conclude(arms(1.02), PRESET, "quick", Erased(120, 120)).verdict == "no evidence"


def test_reliance_too_small_to_count_is_told_as_such() -> None:
    result = conclude(arms(0.98), PRESET, "quick", Erased(120, 120))
    assert result.verdict == "reliance"
    assert result.reason.endswith("though for less than 0.05 of it")


def test_the_quick_way_has_ten_divisions_at_least() -> None:
    asked = ablation_settings("masked-vs-raw", seeds=[3, 1])
    assert divisions(asked, Flags()) == (3, 1, 4, 5, 6, 7, 8, 9, 10, 11)
    assert divisions(asked, Flags(full=True)) == (3, 1)
    assert divisions(ablation_settings("masked-vs-raw", seeds=[3], folds=0), Flags()) == (3,)
    assert divisions(ablation_settings("masked-vs-raw", seeds=range(12)), Flags()) == tuple(range(12))


def test_films_are_pasted_on_for_some_seeds_alone() -> None:
    one, two = arms(0.0, seed=1), arms(0.0, seed=2)
    more = {pair: runs + two[pair] if pair[1] in MATRIX else runs for pair, runs in one.items()}
    assert conclude(more, PRESET, "quick", ERASED).flips == conclude(one, PRESET, "quick", ERASED).flips


def test_cells_are_the_mean_over_seeds() -> None:
    one, two = arms(0.0, seed=1), arms(0.6, seed=2)
    together = conclude({key: one[key] + two[key] for key in one}, PRESET, "quick", ERASED)
    single = [conclude(part, PRESET, "quick", ERASED) for part in (one, two)]
    for i, cell in enumerate(together.cells):
        assert cell.value == pytest.approx(np.mean([s.cells[i].value for s in single]))


def test_the_table_has_a_row_an_arm() -> None:
    rows = table(conclude(arms(0.0), PRESET, "quick", ERASED))
    assert set(rows[0]) == {"auroc by film", *(f"tested on {arm}" for arm in MATRIX)}
    assert {row[0] for row in rows[1:]} == {f"trained on {arm}" for arm in MATRIX}


@pytest.fixture(scope="module")
def cleaned(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ablate") / "films-clean"
    clean_folder(made.root, out, FolderOptions(markers=made.root / "markers.json"))
    return out


@pytest.fixture(scope="module")
def found(made: Synthetic) -> Index:
    return index_data(made.root, IndexOptions(copies=False))


@pytest.fixture(scope="module")
def roots(found: Index, cleaned: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Roots]:
    return write_arms(found.root, cleaned, found.records, tmp_path_factory.mktemp("arms"), folds=3, seeds=[0, 1])


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]"])


def test_the_quick_way_tests_every_arm_on_every_film(
    config: Config, found: Index, roots: dict[int, Roots], tmp_path: Path
) -> None:
    preset = ablation_settings("masked-vs-raw", seeds=[0, 1], folds=3)
    result = masked_vs_raw(config, roots, found.records, tmp_path, preset)
    written = json.loads((tmp_path / "ablation.json").read_text())
    assert written["verdict"] == result.verdict
    assert {(c["trained"], c["tested"]) for c in written["cells"]} == {(a, b) for a in MATRIX for b in MATRIX}
    assert [c["key"] for c in written["contrasts"]][:2] == ["markers", "swapped"]
    assert (result.mode, result.folds, result.seeds, result.n_films) == ("quick", 3, tuple(range(10)), 24)
    assert (result.backbone, result.manifest) == (config.model.backbone, films_hash(found.records, split=False))
    assert result.n_erased is not None
    assert 0 < result.n_erased <= result.n_files == len(found.records)
    with pytest.raises(RunError, match="holds an ablation already"):
        masked_vs_raw(config, roots, found.records, tmp_path, preset)
    again = masked_vs_raw(config, roots, found.records, tmp_path, preset, Flags(overwrite=True))
    assert again == result


@pytest.mark.slow
def test_the_full_way_trains_and_resumes(config: Config, found: Index, roots: dict[int, Roots], tmp_path: Path) -> None:
    preset = ablation_settings("masked-vs-raw", seeds=[0], folds=0)
    steps: list[str] = []
    result = masked_vs_raw(config, roots, found.records, tmp_path, preset, Flags(full=True), on_step=steps.append)
    assert steps == [f"seed 0: training on {arm} films" for arm in ("raw", "cleaned", "markers")]
    assert (tmp_path / "raw-seed0" / "model.safetensors").is_file()
    assert result.mode == "full"
    again = masked_vs_raw(config, roots, found.records, tmp_path, preset, Flags(full=True, resume=True))
    assert again.cells == result.cells
    other = load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]", "optim.head_lr=1e-2"])
    with pytest.raises(RunError, match="was started with other 'optim' settings"):
        masked_vs_raw(other, roots, found.records, tmp_path, preset, Flags(full=True, resume=True))


def test_a_leaking_split_is_refused_or_stamped(
    config: Config, made: Synthetic, roots: dict[int, Roots], tmp_path: Path
) -> None:
    leaking = index_data(made.root, IndexOptions(split="random", copies=False))
    preset = ablation_settings("masked-vs-raw", seeds=[0], folds=0)
    with pytest.raises(DataError, match=r"^the split leaks: of \d+ test files"):
        masked_vs_raw(config, roots, leaking.records, tmp_path, preset)
    result = masked_vs_raw(config, roots, leaking.records, tmp_path, preset, Flags(allow_leaks=True))
    assert result.stamp.startswith("leaking split: of ")
    assert json.loads((tmp_path / "ablation.json").read_text())["stamp"] == result.stamp


def test_films_that_could_not_be_cleaned_leave_all_arms(found: Index, cleaned: Path, tmp_path: Path) -> None:
    lines = (cleaned / "ledger.jsonl").read_text().splitlines(keepends=True)
    row = json.loads(lines[0]) | {"status": "failed", "output": "", "error": "for the test"}
    (tmp_path / "ledger.jsonl").write_text(json.dumps(row) + "\n" + "".join(lines[1:]))
    assert {r.path for r in found.records} - {r.path for r in held_by(tmp_path, found.records)} == {row["path"]}


def test_films_cleaned_from_other_files_are_refused(found: Index, cleaned: Path) -> None:
    record = replace(found.records[0], sha256="0" * 64)
    with pytest.raises(DataError, match=r"was cleaned from another file than the manifest's"):
        held_by(cleaned, [record])


def test_a_test_split_without_a_class_is_refused(
    config: Config, found: Index, roots: dict[int, Roots], tmp_path: Path
) -> None:
    records = [r for r in found.records if not (r.split == "test" and r.label == "fractured")]
    preset = ablation_settings("masked-vs-raw", folds=0)
    with pytest.raises(DataError, match="split 'test' has no usable film of class 'fractured'"):
        masked_vs_raw(config, roots, records, tmp_path, preset)


@pytest.mark.slow
def test_films_are_cleaned_where_that_was_not_done(tmp_path: Path) -> None:
    from fxkit.synth.dataset import synth

    made = synth(tmp_path / "films", films=6, size_px=160)
    found = index_data(made.root, IndexOptions(split="none"))
    out, records = cleaned_records(found.root, found.records)
    assert out == tmp_path / "films-clean"
    assert (out / "ledger.jsonl").is_file()
    assert len(records) == 6
