"""What of a run may be passed on: its model, settings, figures and what it was trained on, and nothing of the films.

No paths of this machine, no names of films, patients or sites: films and groups become numbers. So does the SHA-256 of
each film's file: whoever holds a film could else find out that it, and so its patient, was in the training. Where the
films are public, hashes may stay; `fxkit evaluate` then tells of other data what the model has seen.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from fxkit.data.manifest import Record, manifest_hash, usable, write_manifest
from fxkit.errors import RunError
from fxkit.models.run_folder import Run, open_run, read_json, write_json
from preprocess.files import write_atomic
from preprocess.ledger import ledger_of

DETECTOR = "markers.onnx"  # the marker network tuned to a site, where the films were cleaned with one

FILES = ("model.safetensors", "model.json", "config.yaml", "manifest.csv", "manifest.json", "environment.json")

MORE_FILES = ("metrics.json", "README.md", DETECTOR)  # that a shared model may lack

FIGURES = ("classes", "threshold", "n_files", "n_films", "n_groups", "n_unknown", "seed", "resamples", "file", "film")


def write_shareable(run: Run, out: Path, *, hashes: bool = False) -> None:
    """Write what may be passed on of a finished run into a folder, without a README.

    Args:
        hashes: keep the SHA-256 of each film's file.
    Raises:
        RunError: the run is not finished, the marker network is gone, or a file would tell a path of this machine
            or a film's name.
    """
    values = read_json(run.folder / "model.json")
    cleaning = _named_detector(values["cleaning"])
    model = dict(values["model"]) | {"weights": None}  # where the backbone's first weights lay
    write_json(out / "model.json", values | {"model": model, "cleaning": cleaning})
    write_atomic(out / "model.safetensors", _read(run.folder / "model.safetensors"))
    if cleaning != values["cleaning"]:
        write_atomic(out / DETECTOR, _read(Path(values["cleaning"]["weights"])))
    _write_config(run, out)
    _write_manifest(run, cleaning, out, hashes)
    _write_environment(run, out)
    _write_figures(run, out)
    refuse_private(run, sorted(out.glob("*.*")))


def numbered(records: Sequence[Record], sources: Mapping[str, str], *, hashes: bool = False) -> list[Record]:
    """Return the usable records with numbers for names; files of the same bytes have one number in place of a SHA-256.

    Args:
        sources: SHA-256 of the film that a cleaned file was made of, by the cleaned file's.
        hashes: keep the SHA-256.
    """
    digests = [sources.get(record.sha256, record.sha256) for record in usable(records)]
    told = {d: d if hashes or not d else f"{i}" for i, d in enumerate(dict.fromkeys(digests), 1)}
    films, groups = ({name: f"{i}" for i, name in enumerate(dict.fromkeys(names), 1)} for names in _names(records))
    return [
        replace(
            record,
            path=f"{i}.png",
            film=films[record.film],
            group=groups[record.group],
            sha256=told[digest],
            patient="",
            site="",
        )
        for i, (record, digest) in enumerate(zip(usable(records), digests, strict=True), 1)
    ]


def refuse_private(run: Run, files: Iterable[Path]) -> None:
    """Raise RunError where a text file names a folder of this machine or a film of the run."""
    folders = {str(run.root), str(run.folder.resolve()), str(Path.home())} - {"/", "."}
    names = folders | {record.path for record in run.records if len(record.path) > len("000000.png")}
    for file in files:
        if file.suffix in (".json", ".yaml", ".csv", ".md"):
            text = file.read_text(encoding="utf-8", errors="surrogateescape")
            told = next((name for name in sorted(names) if name in text or json.dumps(name)[1:-1] in text), None)
            if told is not None:
                raise RunError(
                    f"{file.name}: would tell {told!r}, which is private; take it out of the run's {file.name} and "
                    "push again"
                )


def _names(records: Sequence[Record]) -> tuple[list[str], list[str]]:
    own = usable(records)
    return [record.film for record in own], [record.group for record in own]


def _named_detector(cleaning: Mapping[str, Any] | None) -> dict[str, Any] | None:
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
    sources = {row.output_sha256: row.sha256 for row in ledger_of(run.root).values()} if run.root.is_dir() else {}
    records = numbered(run.records, sources, hashes=hashes)
    write_manifest(out / "manifest.csv", records)
    described = read_json(run.folder / "manifest.json")
    kept = {key: described[key] for key in ("stamp", "folds") if key in described}
    write_json(out / "manifest.json", {"root": "", "sha256": manifest_hash(records), "cleaning": cleaning, **kept})


def _write_environment(run: Run, out: Path) -> None:
    found = read_json(run.folder / "environment.json")
    write_json(out / "environment.json", {key: found.get(key) for key in ("fxkit", "python", "packages")})


def _write_figures(run: Run, out: Path) -> None:
    if (run.folder / "metrics.json").is_file():
        found = read_json(run.folder / "metrics.json")
        leaks = {"leaks": {"stamp": run.stamp}} if run.stamp else {}
        write_json(out / "metrics.json", {key: found[key] for key in FIGURES if key in found} | leaks)


def reopen(folder: Path) -> Run:
    """Open what was shared, and check that it is whole.

    Raises:
        RunError: a file is missing or was changed.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise RunError(f"{folder}: {missing[0]} is missing; expected what `fxkit push` wrote")
    return open_run(folder)
