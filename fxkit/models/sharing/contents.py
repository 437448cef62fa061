"""Write the files of a run that may be shared: model, settings, figures and an anonymous manifest.

They contain no images, no paths of this machine, and no names of films, patients or sites: numbers replace the names of
films and groups. Numbers also replace the SHA-256 of each file, because anyone who has a film could otherwise find out
that it, and so its patient, was in the training set. For the same reason the fingerprints of the films stay behind. For
public films both may be kept; `fxkit evaluate` then recognises training films among other data.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from fxkit.data.manifest import Record, manifest_hash, usable, write_manifest
from fxkit.errors import RunError
from fxkit.models.run_folder import Run, open_run, read_json, write_json
from fxkit.models.training_films import FINGERPRINTS_FILE
from preprocess.files import sha256_of, write_atomic
from preprocess.ledger import read_ledger_if_any

DETECTOR = "markers.onnx"  # the tuned marker network, if the films were cleaned with one

FILES = ("model.safetensors", "model.json", "config.yaml", "manifest.csv", "manifest.json", "environment.json")

OPTIONAL_FILES = ("metrics.json", "README.md", FINGERPRINTS_FILE, DETECTOR)

FIGURES = (
    "classes",
    "positive",
    "threshold",
    "n_files",
    "n_films",
    "n_groups",
    "n_unknown",
    "seed",
    "resamples",
    "file",
    "film",
)


def write_shareable(run: Run, out: Path, *, hashes: bool = False) -> None:
    """Write the shareable files of a finished run into a folder, without a README.

    Args:
        hashes: keep the SHA-256 of each film's file, and the fingerprints.
    Raises:
        RunError: the run is not finished, its marker network is missing, or a file would contain a path of this
            machine or the name of a film.
    """
    values = read_json(run.folder / "model.json")
    cleaning = _with_shared_detector(values["cleaning"])
    model = dict(values["model"]) | {"weights": None}  # a path of this machine
    write_json(out / "model.json", values | {"model": model, "cleaning": cleaning})
    write_atomic(out / "model.safetensors", _read(run.folder / "model.safetensors"))
    if cleaning != values["cleaning"]:
        write_atomic(out / DETECTOR, _read(Path(values["cleaning"]["weights"])))
    _write_config(run, out)
    _write_manifest(run, cleaning, out, hashes)
    if hashes and (run.folder / FINGERPRINTS_FILE).is_file():
        write_atomic(out / FINGERPRINTS_FILE, _read(run.folder / FINGERPRINTS_FILE))
    _write_environment(run, out)
    _write_figures(run, out)
    refuse_private(run, sorted(out.glob("*.*")))


def number_records(records: Sequence[Record], sources: Mapping[str, str], *, hashes: bool = False) -> list[Record]:
    """Return the usable records with numbers instead of names and SHA-256. Files with the same bytes share a number.

    Args:
        sources: maps the SHA-256 of each cleaned file to the SHA-256 of its source.
        hashes: keep the SHA-256.
    """
    digests = [sources.get(record.sha256, record.sha256) for record in usable(records)]
    shared_digests = {d: d if hashes or not d else f"{i}" for i, d in enumerate(dict.fromkeys(digests), 1)}
    films = _number(record.film for record in usable(records))
    groups = _number(record.group for record in usable(records))
    return [
        replace(
            record,
            path=f"{i}.png",
            film=films[record.film],
            group=groups[record.group],
            sha256=shared_digests[digest],
            patient="",
            site="",
        )
        for i, (record, digest) in enumerate(zip(usable(records), digests, strict=True), 1)
    ]


def refuse_private(run: Run, files: Iterable[Path]) -> None:
    """Raise RunError if a text file contains a folder of this machine or the name of a film of the run."""
    folders = {str(run.root), str(run.folder.resolve()), str(Path.home())} - {"/", "."}
    names = folders | {record.path for record in run.records if len(record.path) > len("000000.png")}
    for file in files:
        if file.suffix in (".json", ".yaml", ".csv", ".md"):
            text = file.read_text(encoding="utf-8", errors="surrogateescape")
            private = next((name for name in sorted(names) if name in text or json.dumps(name)[1:-1] in text), None)
            if private is not None:
                raise RunError(
                    f"{file.name}: contains {private!r}, which is private; remove it from the run's {file.name} and "
                    "push again"
                )


def _number(names: Iterable[str]) -> dict[str, str]:
    """Return a number from 1 for each name, in order of first appearance."""
    return {name: f"{i}" for i, name in enumerate(dict.fromkeys(names), 1)}


def _with_shared_detector(cleaning: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return cleaning settings that name the shared marker network instead of a path of this machine."""
    if cleaning is None:
        return None
    return dict(cleaning) | ({"weights": DETECTOR} if cleaning.get("weights") else {})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}); without it the model cannot be used") from error


def _write_config(run: Run, out: Path) -> None:
    config = run.config.model_dump(mode="json")
    config["model"]["weights"] = None
    write_atomic(out / "config.yaml", yaml.safe_dump(config, sort_keys=False))


def _write_manifest(run: Run, cleaning: Mapping[str, Any] | None, out: Path, hashes: bool) -> None:
    sources = {row.output_sha256: row.sha256 for row in read_ledger_if_any(run.root).values()}
    records = number_records(run.records, sources, hashes=hashes)
    write_manifest(out / "manifest.csv", records)
    manifest = read_json(run.folder / "manifest.json")
    kept = {key: manifest[key] for key in ("stamp", "folds") if key in manifest}
    write_json(out / "manifest.json", {"root": "", "sha256": manifest_hash(records), "cleaning": cleaning, **kept})


def _write_environment(run: Run, out: Path) -> None:
    environment = read_json(run.folder / "environment.json")
    write_json(out / "environment.json", {key: environment.get(key) for key in ("fxkit", "python", "packages")})


def _write_figures(run: Run, out: Path) -> None:
    if (run.folder / "metrics.json").is_file():
        metrics = read_json(run.folder / "metrics.json")
        leaks = {"leaks": {"stamp": run.stamp}} if run.stamp else {}
        write_json(out / "metrics.json", {key: metrics[key] for key in FIGURES if key in metrics} | leaks)


def write_hashes(folder: Path) -> None:
    """Add the SHA-256 of every shared file to model.json, so that whoever pulls the model can check it."""
    write_json(folder / "model.json", read_json(folder / "model.json") | {"files": _hash_files(folder)})


def _hash_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each shared file by name; that of model.json leaves out the entry "files"."""
    files = {name: folder / name for name in (*FILES, *OPTIONAL_FILES) if (folder / name).is_file()}
    hashes = {name: sha256_of(file) for name, file in files.items()}
    values = {key: value for key, value in read_json(folder / "model.json").items() if key != "files"}
    return hashes | {"model.json": hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()}


def check_shared_files(folder: Path) -> None:
    """Refuse a shared model with links, changed files, or a marker network of another folder.

    Models that fxkit 0.1 shared hold no SHA-256, and only their links are checked.

    Raises:
        RunError: a file is a symbolic link, or is not the one that was shared.
    """
    for name in (*FILES, *OPTIONAL_FILES):
        if (folder / name).is_symlink():
            raise RunError(f"{folder / name}: is a symbolic link; expected a file; copy the file itself")
    values = read_json(folder / "model.json")
    shared = values.get("files")
    if shared is not None and shared != _hash_files(folder):
        now = _hash_files(folder)
        before = shared if isinstance(shared, dict) else {}
        changed = [name for name in sorted({*now, *before}) if now.get(name) != before.get(name)]
        raise RunError(f"{folder}: {', '.join(changed)} changed since the model was shared; download it again")
    cleaning = values.get("cleaning")
    detector = cleaning.get("weights") if isinstance(cleaning, dict) else None
    if detector not in (None, DETECTOR):
        raise RunError(f"{folder / 'model.json'}: names the marker network {detector!r}; expected {DETECTOR} or none")


def open_shared_run(folder: Path) -> Run:
    """Open a shared model as a run, and check that it is complete.

    Raises:
        RunError: a file is missing, is a symbolic link or was changed.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise RunError(f"{folder}: {missing[0]} is missing; expected what `fxkit push` wrote")
    check_shared_files(folder)
    return open_run(folder)
