"""Sharing a model: the copy predicts the same, has a model card, and contains nothing private."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
import yaml

from fxkit.config import DataConfig
from fxkit.data.manifest import manifest_hash, read_manifest, usable, write_manifest
from fxkit.errors import DataError, RunError
from fxkit.evaluation.evaluate import EvaluationOptions, evaluate_other, evaluate_run
from fxkit.models.export import select_check_films
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import Run, open_run, read_json, write_json
from fxkit.models.saved import load_model
from fxkit.models.sharing.contents import DETECTOR, number_records
from fxkit.models.sharing.push import pull, push
from preprocess.settings import NETWORK, CleanSettings


@pytest.fixture(scope="module")
def evaluated(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(trained.folder, tmp_path_factory.mktemp("evaluated") / "run"))
    evaluate_run(folder, options=EvaluationOptions(device="cpu"))
    return folder


@pytest.fixture(scope="module")
def pulled(evaluated: Path) -> Path:
    push(evaluated, str(evaluated.parent / "shared"))
    return pull(str(evaluated.parent / "shared"), evaluated.parent / "pulled")


def read_header(folder: Path) -> dict[str, object]:
    _, header, _ = (folder / "README.md").read_text().split("---\n", 2)
    return dict(yaml.safe_load(header))


def test_a_shared_model_predicts_the_same(trained: Run, pulled: Path) -> None:
    records = usable(trained.records, "test")
    shared, original = (
        predict_records(load_model(folder), trained.root, records, DataConfig(workers=0), device="cpu")
        for folder in (pulled, trained.folder)
    )
    assert np.array_equal(shared.probabilities, original.probabilities)


def test_a_model_shared_without_hashes_cannot_recognise_training_films(trained: Run, pulled: Path) -> None:
    result = evaluate_other(
        pulled, usable(trained.records, "train")[:4], trained.root, "perhaps", EvaluationOptions(device="cpu")
    )
    assert result.notes[0].startswith("unknown whether the training has seen these files")
    assert result.notes[1].startswith("unknown whether training films were saved again among these films")
    overlap = read_json(result.folder / "metrics.json")["overlap"]
    assert (overlap["files"], overlap["known"], overlap["pixels_compared"]) == (0, False, False)
    assert not (pulled / "fingerprints.npz").exists()
    options = EvaluationOptions(device="cpu", trained_on=trained.root)
    with pytest.raises(DataError, match=r"again: \d files \(\d films?\) are by their pixels copies of training or"):
        evaluate_other(pulled, usable(trained.records, "train")[:4], trained.root, "again", options)
    page = " ".join((pulled / "README.md").read_text().split())
    assert "so nothing here shows whether a film was in the training" in page


def test_a_model_shared_with_hashes_recognises_training_films(trained: Run, evaluated: Path, tmp_path: Path) -> None:
    push(evaluated, str(tmp_path / "shared"), hashes=True)
    page = " ".join((tmp_path / "shared" / "README.md").read_text().split())
    assert "recognises training films, and so can anyone who has a film." in page
    pulled = pull(str(tmp_path / "shared"), tmp_path / "pulled")
    shared = read_manifest(pulled / "manifest.csv")
    assert [r.sha256 for r in shared] == [r.sha256 for r in usable(trained.records)]
    seen = usable(trained.records, "train")[:4]
    with pytest.raises(
        DataError, match=r"other: 4 files \(\d films\) are, apart from cleaning, training or validation"
    ):
        evaluate_other(pulled, seen, trained.root, "other", EvaluationOptions(device="cpu"))
    result = evaluate_other(
        pulled, usable(trained.records, "test"), trained.root, "unseen", EvaluationOptions(device="cpu")
    )
    assert result.stamp == ""
    n = len(usable(trained.records, "test"))
    assert result.notes[0] == f"{n} files of {n} show the run's own test films, so they are not other data"
    again = [replace(r, sha256="") for r in seen]
    with pytest.raises(DataError, match=r"other: \d files \(\d films?\) are by their pixels copies of training or"):
        evaluate_other(pulled, again, trained.root, "other", EvaluationOptions(device="cpu"))


def test_files_with_the_same_bytes_share_a_number(trained: Run) -> None:
    first, second, *others = usable(trained.records)
    records = number_records([first, replace(second, sha256=first.sha256), replace(others[0], sha256="")], {})
    assert [r.sha256 for r in records] == ["1", "1", ""]


def test_a_shared_model_can_be_exported(pulled: Path) -> None:
    films, from_run = select_check_films(pulled, load_model(pulled))
    assert (len(films), from_run) == (8, False)


def test_nothing_private_is_shared(trained: Run, evaluated: Path, pulled: Path) -> None:
    for file in filter(Path.is_file, pulled.iterdir()):
        content = file.read_bytes()
        names = (name for r in trained.records for name in (r.path, r.sha256))
        for private in (trained.root, trained.folder, evaluated, *names):
            assert str(private).encode() not in content, file
    for before, after in zip(usable(trained.records), read_manifest(pulled / "manifest.csv"), strict=True):
        assert (after.label, after.split) == (before.label, before.split)
        assert (after.patient, after.site) == ("", "")
        assert after.film.isdigit()
        assert after.group.isdigit()
    films = {r.film for r in usable(trained.records)}
    assert len({r.film for r in read_manifest(pulled / "manifest.csv")}) == len(films)


def test_patients_and_sites_are_not_shared(run_folder: Path, tmp_path: Path) -> None:
    run = open_run(run_folder)
    records = [replace(r, patient=f"Doe-{r.group}", site="St-Elsewhere", group=f"Doe-{r.group}") for r in run.records]
    write_manifest(run_folder / "manifest.csv", records)
    write_json(
        run_folder / "manifest.json", read_json(run_folder / "manifest.json") | {"sha256": manifest_hash(records)}
    )
    push(run_folder, str(tmp_path / "shared"))
    text = b"".join(file.read_bytes() for file in (tmp_path / "shared").iterdir())
    assert b"Doe" not in text
    assert b"Elsewhere" not in text
    assert len({r.group for r in read_manifest(tmp_path / "shared" / "manifest.csv")}) == len(
        {r.group for r in records}
    )


def test_the_model_card_has_figures_with_intervals_and_the_training_data(pulled: Path) -> None:
    page, metrics = (pulled / "README.md").read_text(), read_json(pulled / "metrics.json")
    auroc = metrics["film"]["figures"]["auroc"]
    assert f"| AUROC | {auroc['value']:.3f} | {auroc['low']:.3f} to {auroc['high']:.3f} |" in page
    assert "clustered by group. Positive class: fractured.\n\n| figure |" in page
    assert "| test | 12 | 4 | 4 | fractured 2, not_fractured 2 |" in page
    assert "For research only. Do not use for diagnosis." in " ".join(page.split())
    assert "leaking" not in page


def test_the_hub_can_read_the_header(pulled: Path) -> None:
    card = huggingface_hub.ModelCard.load(pulled / "README.md")
    assert card.data.library_name == "fxkit"
    assert "fracture" in card.data.tags
    results = {result.metric_type: result for result in card.data.eval_results}
    auroc = read_json(pulled / "metrics.json")["film"]["figures"]["auroc"]
    assert results["auroc"].metric_value == round(auroc["value"], 4)
    assert results["auroc"].metric_args["low"] == auroc["low"]
    assert results["auroc"].metric_args["groups"] == 4


def test_the_model_card_of_an_untested_model_has_no_figures(trained: Run, tmp_path: Path) -> None:
    push(trained.folder, str(tmp_path / "shared"))
    assert "None: the model was shared without a test" in (tmp_path / "shared/README.md").read_text()
    assert "model-index" not in read_header(tmp_path / "shared")


def test_a_leaking_split_is_stamped_on_the_model_card(run_folder: Path, tmp_path: Path) -> None:
    records = list(open_run(run_folder).records)
    moved = next(i for i, r in enumerate(records) if r.split == "train")
    records[moved] = replace(records[moved], split="test")
    write_manifest(run_folder / "manifest.csv", records)
    write_json(
        run_folder / "manifest.json", read_json(run_folder / "manifest.json") | {"sha256": manifest_hash(records)}
    )
    stamp = open_run(run_folder).stamp
    assert stamp.startswith("leaking split: ")
    push(run_folder, str(tmp_path / "shared"))
    assert f"**{stamp}**" in (tmp_path / "shared" / "README.md").read_text()
    assert open_run(tmp_path / "shared").stamp == stamp


def test_the_path_of_the_backbone_weights_is_not_shared(run_folder: Path, tmp_path: Path) -> None:
    card = read_json(run_folder / "model.json")
    write_json(run_folder / "model.json", card | {"model": card["model"] | {"weights": "/secret/place.safetensors"}})
    push(run_folder, str(tmp_path / "shared"))
    assert read_json(tmp_path / "shared" / "model.json")["model"]["weights"] is None


def test_a_tuned_marker_network_is_shared_with_the_model(run_folder: Path, tmp_path: Path) -> None:
    cleaning = CleanSettings(weights=str(NETWORK)).model_dump()
    write_json(run_folder / "model.json", read_json(run_folder / "model.json") | {"cleaning": cleaning})
    push(run_folder, str(tmp_path / "shared"))
    assert read_json(tmp_path / "shared" / "model.json")["cleaning"]["weights"] == DETECTOR
    pulled = pull(str(tmp_path / "shared"), tmp_path / "pulled")
    assert load_model(pulled).card.cleaning == cleaning | {"weights": str(pulled.resolve() / DETECTOR)}
    assert (pulled / DETECTOR).read_bytes() == NETWORK.read_bytes()


def test_a_missing_marker_network_is_refused(run_folder: Path, tmp_path: Path) -> None:
    cleaning = CleanSettings(weights=str(tmp_path / "gone.onnx")).model_dump()
    write_json(run_folder / "model.json", read_json(run_folder / "model.json") | {"cleaning": cleaning})
    with pytest.raises(RunError, match=r"gone\.onnx: cannot be read \(No such file.*\); without it the model cannot"):
        push(run_folder, str(tmp_path / "shared"))


def test_a_file_with_the_name_of_a_film_is_refused(run_folder: Path, trained: Run, tmp_path: Path) -> None:
    name = trained.records[0].path
    write_json(run_folder / "environment.json", read_json(run_folder / "environment.json") | {"python": f"3 {name}"})
    with pytest.raises(RunError, match=rf"environment\.json: contains '{name}', which is private; remove it"):
        push(run_folder, str(tmp_path / "shared"))
    assert not (tmp_path / "shared").exists()


def test_a_destination_that_is_not_empty_is_refused(trained: Run, tmp_path: Path) -> None:
    shared = str(tmp_path / "shared")
    push(trained.folder, shared)
    with pytest.raises(
        RunError, match=r"is not empty \(it contains README\.md\); expected a new folder; .* --overwrite"
    ):
        push(trained.folder, shared)
    push(trained.folder, shared, overwrite=True)
    (tmp_path / "shared" / "thesis.txt").write_text("precious")
    with pytest.raises(RunError, match="is not empty"):
        push(trained.folder, shared, overwrite=True)
    with pytest.raises(RunError, match="is a file; expected a folder; choose another"):
        push(trained.folder, str(tmp_path / "shared" / "thesis.txt"))
    assert (tmp_path / "shared" / "thesis.txt").read_text() == "precious"


def test_only_the_files_of_a_model_are_copied(trained: Run, tmp_path: Path) -> None:
    push(trained.folder, str(tmp_path / "shared"))
    (tmp_path / "shared" / "run_me.py").write_text("print()")
    torch.save({}, tmp_path / "shared" / "pytorch_model.bin")
    pulled = pull(str(tmp_path / "shared"), tmp_path / "pulled")
    assert {p.name for p in pulled.iterdir()} & {"run_me.py", "pytorch_model.bin"} == set()


@pytest.mark.parametrize("name", ["config.yaml", "model.safetensors"])
def test_an_incomplete_shared_model_is_refused(name: str, trained: Run, tmp_path: Path) -> None:
    push(trained.folder, str(tmp_path / "shared"))
    (tmp_path / "shared" / name).unlink()
    with pytest.raises(RunError, match=rf"shared: {name} is missing; expected what `fxkit push` wrote"):
        pull(str(tmp_path / "shared"), tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()


@pytest.mark.parametrize("name", ["model.json", "model.safetensors", "config.yaml", "manifest.csv", "README.md"])
def test_a_changed_file_of_a_shared_model_is_refused(name: str, trained: Run, tmp_path: Path) -> None:
    push(trained.folder, str(tmp_path / "shared"))
    file = tmp_path / "shared" / name
    data = bytearray(file.read_bytes())
    if name == "model.json":
        data = bytearray(data.replace(b'"temperature": 1.0', b'"temperature": 3.0'))
    else:
        data[-2] ^= 1
    file.write_bytes(data)
    with pytest.raises(RunError, match=rf"shared: {name} changed since the model was shared; download it again"):
        pull(str(tmp_path / "shared"), tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "README.md", "markers.onnx"])
def test_a_link_in_a_shared_model_is_refused(name: str, trained: Run, tmp_path: Path) -> None:
    push(trained.folder, str(tmp_path / "shared"))
    secret = tmp_path / "secret"
    secret.write_text("precious")
    (tmp_path / "shared" / name).unlink(missing_ok=True)
    (tmp_path / "shared" / name).symlink_to(secret)
    with pytest.raises(RunError, match=rf"{name}: is a symbolic link; expected a file; copy the file itself"):
        pull(str(tmp_path / "shared"), tmp_path / "pulled")


def test_a_marker_network_of_another_folder_is_refused(trained: Run, tmp_path: Path) -> None:
    push(trained.folder, str(tmp_path / "shared"))
    values = read_json(tmp_path / "shared" / "model.json")
    del values["files"]
    write_json(tmp_path / "shared" / "model.json", values | {"cleaning": {"weights": "/etc/passwd"}})
    with pytest.raises(RunError, match=r"names the marker network '/etc/passwd'; expected markers\.onnx or none"):
        pull(str(tmp_path / "shared"), tmp_path / "pulled")


def test_a_model_that_was_shared_without_hashes_is_pulled(trained: Run, tmp_path: Path) -> None:
    push(trained.folder, str(tmp_path / "shared"))
    values = read_json(tmp_path / "shared" / "model.json")
    kept = {key: value for key, value in values.items() if key not in ("files", "weights_sha256")}
    write_json(tmp_path / "shared" / "model.json", kept)
    pulled = pull(str(tmp_path / "shared"), tmp_path / "pulled")
    assert load_model(pulled).card.classes == ("not_fractured", "fractured")


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.getproxies", dict)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")


@pytest.mark.usefixtures("no_hub")
def test_an_unreachable_hub_is_reported_at_once(trained: Run, tmp_path: Path) -> None:
    expected = r"hf://somebody/model: the hub cannot be reached or refuses the request \(.*refused.*\); log in"
    with pytest.raises(RunError, match=expected):
        push(trained.folder, "hf://somebody/model")
    with pytest.raises(RunError, match=expected):
        pull("hf://somebody/model", tmp_path / "pulled")


@pytest.mark.parametrize("name", ["model", "a/b/c", "/model"])
def test_an_invalid_hub_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=rf"hf://{name}: expected hf://user/name"):
        pull(f"hf://{name}", tmp_path / "pulled")


def test_the_hub_receives_the_same_files(trained: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    repositories: dict[str, object] = {}

    class Hub:
        def create_repo(self, name: str, **options: object) -> None:
            repositories[name] = options

        def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> None:
            shutil.copytree(folder_path, tmp_path / repo_id)

    def download(name: str, *, local_dir: Path, allow_patterns: list[str]) -> str:
        return str(shutil.copytree(tmp_path / name, local_dir, dirs_exist_ok=True))

    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "proxy"})
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert push(trained.folder, "hf://somebody/model") == "hf://somebody/model"
    assert repositories == {"somebody/model": {"private": True, "exist_ok": True}}
    assert "# somebody/model" in (tmp_path / "somebody" / "model" / "README.md").read_text()
    pulled = pull("hf://somebody/model", tmp_path / "pulled")
    assert json.loads((pulled / "model.json").read_text()) == json.loads((trained.folder / "model.json").read_text())
