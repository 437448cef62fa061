"""The ablation: verdicts on answers known beforehand, and a whole run on made films."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.ablate import (
    ARMS,
    Cell,
    ablation_settings,
    cleaned_records,
    conclude,
    judge,
    list_ablations,
    masked_vs_raw,
    table,
)
from fxkit.bootstrap import Interval
from fxkit.config import load_config
from fxkit.data.index import index_data
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.predictions import Predictions
from fxkit.synth import Synthetic
from preprocess.clean import clean_folder

GOOD = Cell("raw", "raw", 0.85, 0.7, 0.95)


def difference(value: float, low: float, high: float) -> Interval:
    return Interval(value, low, high, 40)


@pytest.mark.parametrize(
    ("raw", "found", "verdict", "words"),
    [
        (GOOD, difference(0.2, 0.05, 0.35), "reliance", "clear of 0"),
        (GOOD, difference(0.0, -0.03, 0.03), "no evidence", "a cost of 0.05 is excluded; this says nothing of other"),
        (GOOD, difference(0.02, 0.01, 0.03), "no evidence", "a cost of 0.05 is excluded"),
        (GOOD, difference(0.05, -0.1, 0.2), "undecided", "more test patients are needed"),
        (
            Cell("raw", "raw", 0.6, 0.45, 0.75),
            difference(0.2, 0.05, 0.3),
            "undecided",
            "not clearly better than chance",
        ),
    ],
)
def test_the_verdict_follows_the_interval(raw: Cell, found: Interval, verdict: str, words: str) -> None:
    given, reason = judge(raw, found, 30, 40)
    assert given == verdict
    assert "from 30 of 40 test files" in reason
    assert words in reason
    assert f"{found.value:.3f}" in reason


def test_nothing_erased_is_nothing_compared() -> None:
    verdict, reason = judge(GOOD, difference(0.0, -0.01, 0.01), 0, 40)
    assert verdict == "undecided"
    assert reason.startswith("no marker was erased on any test film")


def predictions(scores: np.ndarray, labels: np.ndarray) -> Predictions:
    names = tuple(f"film{i}" for i in range(len(labels)))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - scores, scores], axis=1), names, names)


def arms(raw_on_cleaned: float, seed: int = 0) -> dict[tuple[str, str], list[Predictions]]:
    """120 films; the raw arm's scores on cleaned films keep this much of what they know."""
    rng = np.random.default_rng(seed)
    labels = np.arange(120) % 2
    noise = rng.normal(0, 0.25, 120)

    def scores(signal: float) -> np.ndarray:
        return np.clip(0.5 + signal * (labels - 0.5) * 0.5 + noise, 0.01, 0.99)

    strength = {("raw", "cleaned"): raw_on_cleaned}
    return {(a, b): [predictions(scores(strength.get((a, b), 1.0)), labels)] for a in ARMS for b in ARMS}


def test_a_score_that_falls_with_the_markers_is_reliance() -> None:
    result = conclude(arms(0.0), (0,), 120)
    assert result.verdict == "reliance"
    assert result.difference.value > 0.3
    assert abs(result.between_arms.value) < 1e-9
    assert (result.n_files, result.n_films, result.n_groups) == (120, 120, 120)


def test_a_score_that_stays_is_no_evidence() -> None:
    assert conclude(arms(0.98), (0,), 120).verdict == "no evidence"


def test_cells_are_the_mean_over_seeds() -> None:
    one, two = arms(0.0, seed=1), arms(0.6, seed=2)
    both = conclude({key: one[key] + two[key] for key in one}, (1, 2), 120)
    single = [conclude(part, (0,), 120) for part in (one, two)]
    for i, cell in enumerate(both.cells):
        assert cell.value == pytest.approx(np.mean([s.cells[i].value for s in single]))


def test_the_table_has_a_row_an_arm() -> None:
    rows = table(conclude(arms(0.0), (0,), 120))
    assert rows[0] == ("auroc by film", "tested on raw", "tested on cleaned")
    assert [row[0] for row in rows[1:]] == ["trained on raw", "trained on cleaned"]


def test_the_presets_are_listed_and_read() -> None:
    assert list_ablations() == {"masked-vs-raw": "does the score change when the markers are erased?"}
    settings = ablation_settings("masked-vs-raw")
    assert settings.seeds == (0, 1, 2)


def test_an_unknown_ablation_names_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"masked: neither a file nor a preset; presets are masked-vs-raw"):
        ablation_settings("masked")


def test_a_preset_without_its_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("question: why?\n")
    with pytest.raises(ConfigError, match=r"not an ablation .*expected question, seeds"):
        ablation_settings(str(tmp_path / "mine.yaml"))


@pytest.fixture(scope="module")
def cleaned(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ablate") / "films-clean"
    clean_folder(made.root, out, markers=made.root / "markers.json")
    return out


def test_the_whole_ablation_runs_resumes_and_is_written(made: Synthetic, cleaned: Path, tmp_path: Path) -> None:
    found = index_data(made.root)
    config = load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]"])
    steps: list[str] = []
    arguments = (config, found.root, cleaned, found.records, tmp_path / "out")
    result = masked_vs_raw(*arguments, seeds=(0,), on_step=steps.append)
    assert steps == ["seed 0: training on raw films", "seed 0: training on cleaned films"]
    written = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert written["verdict"] == result.verdict
    assert 0 < written["n_erased"] <= written["n_files"]
    assert {(c["trained"], c["tested"]) for c in written["cells"]} == {(a, b) for a in ARMS for b in ARMS}
    assert (tmp_path / "out" / "raw-seed0" / "model.safetensors").is_file()
    with pytest.raises(RunError, match="holds an ablation already"):
        masked_vs_raw(*arguments, seeds=(0,))
    again = masked_vs_raw(*arguments, seeds=(0,), resume=True)
    assert again.cells == result.cells
    other = load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]", "optim.head_lr=1e-2"])
    with pytest.raises(RunError, match="was started with other 'optim' settings"):
        masked_vs_raw(other, *arguments[1:], seeds=(0,), resume=True)


def test_a_leaking_split_is_refused_or_stamped(made: Synthetic, cleaned: Path, tmp_path: Path) -> None:
    found = index_data(made.root, split="random")
    config = load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]"])
    arguments = (config, found.root, cleaned, found.records, tmp_path / "out")
    with pytest.raises(DataError, match=r"^the split leaks: of \d+ test files"):
        masked_vs_raw(*arguments, seeds=(0,))
    assert not (tmp_path / "out").exists()
    result = masked_vs_raw(*arguments, seeds=(0,), allow_leaks=True)
    assert result.stamp.startswith("leaking split: of ")
    assert json.loads((tmp_path / "out" / "ablation.json").read_text())["stamp"] == result.stamp


def test_films_that_could_not_be_cleaned_leave_both_arms(made: Synthetic, cleaned: Path, tmp_path: Path) -> None:
    found = index_data(made.root)
    lines = (cleaned / "ledger.jsonl").read_text().splitlines(keepends=True)
    row = json.loads(lines[0]) | {"status": "failed", "output": "", "error": "for the test"}
    held = tmp_path / "held"
    held.mkdir()
    (held / "ledger.jsonl").write_text(json.dumps(row) + "\n" + "".join(lines[1:]))
    from fxkit.ablate import held_by

    assert {r.path for r in found.records} - {r.path for r in held_by(held, found.records)} == {row["path"]}


def test_films_cleaned_from_other_files_are_refused(made: Synthetic, cleaned: Path) -> None:
    from fxkit.ablate import held_by

    record = replace(index_data(made.root).records[0], sha256="0" * 64)
    with pytest.raises(DataError, match=r"was cleaned from another file than the manifest's"):
        held_by(cleaned, [record])


def test_without_seeds_there_is_nothing_to_do(made: Synthetic, cleaned: Path, tmp_path: Path) -> None:
    found = index_data(made.root)
    with pytest.raises(DataError, match="no seed given"):
        masked_vs_raw(load_config("tiny"), found.root, cleaned, found.records, tmp_path / "out", seeds=())


def test_the_cleaned_arm_must_be_cleaned(made: Synthetic, tmp_path: Path) -> None:
    found = index_data(made.root)
    with pytest.raises(DataError, match=r"no cleaned folder \(clean.json is missing"):
        masked_vs_raw(load_config("tiny"), found.root, found.root, found.records, tmp_path / "out")


def test_a_test_split_without_a_class_is_refused(made: Synthetic, cleaned: Path, tmp_path: Path) -> None:
    found = index_data(made.root)
    records = [r for r in found.records if not (r.split == "test" and r.label == "fractured")]
    with pytest.raises(DataError, match="split 'test' has no usable film of class 'fractured'"):
        masked_vs_raw(load_config("tiny"), found.root, cleaned, records, tmp_path / "out")


@pytest.mark.slow
def test_films_are_cleaned_where_that_was_not_done(tmp_path: Path) -> None:
    from fxkit.synth import synth

    made = synth(tmp_path / "films", films=6, size_px=160)
    found = index_data(made.root, split="none")
    out, records = cleaned_records(found.root, found.records)
    assert out == tmp_path / "films-clean"
    assert (out / "ledger.jsonl").is_file()
    assert len(records) == 6
