"""Find films of other data that a run was trained on, by the SHA-256 of their files, their pixels and patients."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fxkit.config import Config
from fxkit.data.manifest import Record, read_manifest, usable, write_manifest
from fxkit.models.run_folder import Results, Run, open_run
from preprocess.ledger import read_ledger_if_any
from preprocess.tables.cells import patient_key
from preprocess.words import amount

FINGERPRINTS_FILE = "fingerprints.npz"  # in a run folder: by which copies of its films are recognised

PRETRAINING_FILE = "pretraining.csv"  # in a run folder: films of the run that its backbone weights come from

DIGEST_LENGTH = 64  # characters of a SHA-256 in hexadecimal


Evidence = Literal["bytes", "pixels", "patient"]


@dataclass(frozen=True)
class SeenFile:
    """A file of other data that is not new to a run.

    Attributes:
        record: the file.
        evidence: "bytes" (a film of the run, apart from cleaning), "pixels" (a copy of a film of the run), or "patient"
            (another film of a training patient).
        part: "training" if the run was made with that film or patient, or a run that its backbone weights come from;
            "test" if it is one of the run's own test films.
    """

    record: Record
    evidence: Evidence
    part: Literal["training", "test"]


@dataclass(frozen=True)
class Overlap:
    """How much of other data is in train or val of a run, or of a run that its backbone weights come from.

    Attributes:
        files: files with the bytes of a training file, before or after cleaning.
        films: films of these files.
        known: False if the run has no SHA-256 of its films, as after `fxkit push`.
        copies: further files that are copies of a training film, by their pixels.
        copied_films: films of these files.
        patient_files: further files of training patients.
        patients: these patients.
        test_files: files that show the run's own test films, by their bytes or pixels. They leak nothing, but they are
            not other data.
        pixels_compared: whether all training films were compared by their pixels.
        n_files: all files of the other data; 0 in figures of older versions.
        nameless_files: files of the other data without a patient, whose patients could not be compared.
        nameless_training_files: training files without a patient.
    """

    files: int
    films: int
    known: bool = True
    copies: int = 0
    copied_films: int = 0
    patient_files: int = 0
    patients: int = 0
    test_files: int = 0
    pixels_compared: bool = False
    n_files: int = 0
    nameless_files: int = 0
    nameless_training_files: int = 0

    @property
    def leaks(self) -> bool:
        """Whether training has seen some of these films or patients."""
        return bool(self.files or self.films or self.copies or self.patient_files)

    @property
    def is_own_test(self) -> bool:
        """Whether half of the files or more show the run's own test films, so that they are no other data."""
        return self.test_files > 0 and 2 * self.test_files >= self.n_files

    @property
    def text(self) -> str:
        """The overlap in words; "" if there is none."""
        run = "of this run or of a run that its backbone weights come from"
        clauses = []
        if self.files or self.films:
            files = amount(self.files, "file"), amount(self.films, "film")
            kind = "is, apart from cleaning, a training or validation file"
            kinds = "are, apart from cleaning, training or validation files"
            clauses.append(f"{files[0]} ({files[1]}) {kind if self.files == 1 else kinds} {run}")
        if self.copies:
            files = amount(self.copies, "file"), amount(self.copied_films, "film")
            kind = "is by its pixels a copy of a training or validation film"
            kinds = "are by their pixels copies of training or validation films"
            clauses.append(f"{files[0]} ({files[1]}) {kind if self.copies == 1 else kinds} {run}")
        if self.patient_files:
            files = amount(self.patient_files, "file"), amount(self.patients, "patient")
            verb = "belongs" if self.patient_files == 1 else "belong"
            clauses.append(f"{files[0]} {verb} to {files[1]} with training or validation films {run}")
        return "; ".join(clauses)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know besides: films of the test set, and what could not be compared."""
        notes = []
        if self.test_files:
            verb = "shows" if self.test_files == 1 else "show"
            files = amount(self.test_files, "file")
            notes.append(f"{files} of {self.n_files} {verb} the run's own test films, so they are not other data")
        if not self.known:
            notes.append(
                "unknown whether the training has seen these files: the SHA-256 of its films is not known (for a "
                "shared model, `fxkit push --with-hashes` includes them)"
            )
        if not self.pixels_compared:
            notes.append(
                "unknown whether training films were saved again among these films: there are no fingerprints of some "
                "of the training films, and their files are not at hand; to compare the pixels, give their folder with "
                "--trained-on FOLDER"
            )
        return (*notes, *filter(None, [self.patients_note]))

    @property
    def patients_note(self) -> str:
        """Whose patients could not be compared; "" if each file of both data sets names its patient."""
        clauses = []
        if self.nameless_files:
            verb = "names" if self.nameless_files == 1 else "name"
            clauses.append(f"{self.nameless_files} of {amount(self.n_files, 'file')} {verb} no patient")
        if self.nameless_training_files:
            verb = "names" if self.nameless_training_files == 1 else "name"
            clauses.append(f"{amount(self.nameless_training_files, 'training file')} {verb} no patient")
        text = "whether other films of training patients are among these films is unknown: "
        return text + " and ".join(clauses) if clauses else ""


def find_seen_files(
    run: Results, other: Sequence[Record], root: Path, copies: Mapping[str, str] | None = None
) -> list[SeenFile]:
    """Find the files of other data that are not new to a run: by bytes, before or after cleaning, pixels and patients.

    Args:
        other: records of the other data.
        root: folder of the other data.
        copies: path of a file of the other data that is a copy of a film of the run -> SHA-256 of that film's source;
            any other text stands for a training film.
    """
    training = list_training_films(run)
    test = usable(run.records, "test")
    digests = {r.sha256 for r in training} - {""}
    test_digests = {*source_hashes(run.root, test)} - digests - {""}
    patients = _training_patients(training)
    seen = []
    for record, digest in zip(other, source_hashes(root, other), strict=True):
        film = (copies or {}).get(record.path, "")
        if digest in digests:
            seen.append(SeenFile(record, "bytes", "training"))
        elif film and film not in test_digests:
            seen.append(SeenFile(record, "pixels", "training"))
        elif digest in test_digests or film:
            seen.append(SeenFile(record, "bytes" if digest in test_digests else "pixels", "test"))
        elif _is_known_patient(record, patients):
            seen.append(SeenFile(record, "patient", "training"))
    return seen


def _training_patients(training: Sequence[Record]) -> dict[str, set[str]]:
    """Return the sites of each patient, by the key of the patient's name; a site may be ""."""
    sites: dict[str, set[str]] = {}
    for record in training:
        if key := patient_key(record.patient):
            sites.setdefault(key, set()).add(record.site)
    return sites


def _is_known_patient(record: Record, patients: Mapping[str, set[str]]) -> bool:
    """Whether a patient is in training. Equal names at two sites that both have a name are two patients."""
    sites = patients.get(patient_key(record.patient), set())
    return bool(sites) and (not record.site or record.site in sites or "" in sites)


def count_overlap(run: Results, other: Sequence[Record], seen: Sequence[SeenFile], *, pixels_compared: bool) -> Overlap:
    """Count the files that `find_seen_files` found.

    Args:
        other: records of the other data.
        pixels_compared: whether all training films were compared by their pixels.
    """
    training = list_training_films(run)

    def members(evidence: Evidence) -> list[Record]:
        return [s.record for s in seen if s.evidence == evidence and s.part == "training"]

    return Overlap(
        files=len(members("bytes")),
        films=len({r.film for r in members("bytes")}),
        known=has_hashes(training) or not training,
        copies=len(members("pixels")),
        copied_films=len({r.film for r in members("pixels")}),
        patient_files=len(members("patient")),
        patients=len({patient_key(r.patient) for r in members("patient")}),
        test_files=sum(s.part == "test" for s in seen),
        pixels_compared=pixels_compared,
        n_files=len(other),
        nameless_files=sum(not patient_key(r.patient) for r in other),
        nameless_training_files=sum(not patient_key(r.patient) for r in training),
    )


def list_training_films(run: Results) -> list[Record]:
    """Return the train and val records of a run and of the runs that its backbone weights come from.

    The SHA-256 of a cleaned file is replaced by that of its source.
    """
    records = [r for r in usable(run.records) if r.split in ("train", "val")]
    hashes = source_hashes(run.root, records)
    own = [replace(r, sha256=digest) for r, digest in zip(records, hashes, strict=True)]
    return own + list_pretraining_films(run)


def list_pretraining_films(run: Results) -> list[Record]:
    """Return the records that the backbone weights of a run were trained on."""
    pretraining = run.folder / PRETRAINING_FILE
    return list(read_manifest(pretraining)) if pretraining.is_file() else []


def has_hashes(records: Iterable[Record]) -> bool:
    """Tell whether any record has a SHA-256. `fxkit push` replaces them with numbers unless told otherwise."""
    return any(len(record.sha256) == DIGEST_LENGTH for record in records)


def source_hashes(root: Path, records: Sequence[Record]) -> list[str]:
    """Return the SHA-256 of each record's file, or of its source if root is a cleaned folder."""
    rows = read_ledger_if_any(root) if root != Path() else {}  # Path(): the films are not at hand
    sources = {row.output_sha256: row.sha256 for row in rows.values()}
    return [sources.get(r.sha256, r.sha256) for r in records]


def find_pretraining_run(config: Config) -> Run | None:
    """Return the run that the backbone weights come from; None if model.weights is unset or a file.

    Raises:
        RunError: model.weights is a folder but not a run folder.
    """
    folder = config.model.weights
    return open_run(folder) if folder is not None and Path(folder).is_dir() else None


def write_pretraining_films(folder: Path, config: Config) -> None:
    """Write the films that a run's backbone weights were trained on into its folder, for `overlap_with_training`.

    A file that is there already is kept.
    """
    pretraining = find_pretraining_run(config)
    if pretraining is not None and not (folder / PRETRAINING_FILE).exists():
        write_manifest(folder / PRETRAINING_FILE, list_training_films(pretraining))
