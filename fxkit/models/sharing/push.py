"""Pass a model on as a folder of files, or through the Hugging Face hub, and take one over."""

import socket
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fxkit.errors import RunError
from fxkit.models.run_folder import open_run, read_json, write_json
from fxkit.models.saved import load_model
from fxkit.models.sharing.contents import DETECTOR, FILES, MORE_FILES, refuse_private, reopen, write_shareable
from fxkit.models.sharing.model_card import model_page
from preprocess.files import write_atomic

HUB = "hf://"


def push(
    run_folder: str | Path, destination: str, *, public: bool = False, hashes: bool = False, overwrite: bool = False
) -> str:
    """Write what may be passed on of a finished run, with a README.md; return where it lies.

    Args:
        destination: a folder, or hf://user/name for the hub.
        public: a repository that is made on the hub is for everybody; else for its owner.
        hashes: pass on the SHA-256 of each film's file, by which a holder of the film learns that it was in training.
        overwrite: replace the files of an earlier push in that folder.
    Raises:
        RunError: no finished run, the place is not empty, or the hub cannot be reached or refuses.
    """
    load_model(run_folder)  # what cannot be loaded is not passed on
    run = open_run(run_folder)
    with tempfile.TemporaryDirectory() as aside:
        shared = Path(aside)
        write_shareable(run, shared, hashes=hashes)
        name = destination.removeprefix(HUB) if destination.startswith(HUB) else Path(destination).resolve().name
        write_atomic(shared / "README.md", model_page(run, shared, name))
        refuse_private(run, [shared / "README.md"])
        if destination.startswith(HUB):
            return _upload(shared, name, public)
        _place(shared, Path(destination), overwrite)
    return destination


def pull(source: str, destination: str | Path) -> Path:
    """Take over a shared model: a folder that predict, export and evaluate --data take as a run.

    Nothing is unpickled or run; files that no shared model has are left.

    Args:
        source: a folder, or hf://user/name.
    Raises:
        RunError: no shared model there, damaged, the hub cannot be reached, or the destination is not empty.
    """
    out = Path(destination)
    with tempfile.TemporaryDirectory() as aside:
        given = _download(source.removeprefix(HUB), Path(aside)) if source.startswith(HUB) else Path(source)
        reopen(given)
        load_model(given)
        _place(given, out, overwrite=False)
    _point_to_detector(out)
    return out


def _place(shared: Path, out: Path, overwrite: bool) -> None:
    """Copy the files of a shared model, and no others."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{out}: is a file; expected a folder; choose another")
    there = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if there and not (overwrite and there <= {*FILES, *MORE_FILES}):
        hint = "choose another" if overwrite else "choose another, or give --overwrite to push"
        raise RunError(f"{out}: is not empty (it holds {min(there)}); expected a new folder; {hint}")
    for name in there:
        (out / name).unlink()
    for name in (*FILES, *MORE_FILES):
        if (shared / name).is_file():
            write_atomic(out / name, (shared / name).read_bytes())


def _point_to_detector(folder: Path) -> None:
    """Make the cleaning settings name the marker network that came with the model."""
    if not (folder / DETECTOR).is_file():
        return
    for name in ("model.json", "manifest.json"):
        values = read_json(folder / name)
        if values.get("cleaning"):
            values["cleaning"]["weights"] = str((folder / DETECTOR).resolve())
            write_json(folder / name, values)


def _upload(shared: Path, name: str, public: bool) -> str:
    from huggingface_hub import HfApi

    with _hub(name):
        api = HfApi()
        api.create_repo(name, private=not public, exist_ok=True)
        api.upload_folder(repo_id=name, folder_path=shared, commit_message="Push a model of fxkit")
    return f"{HUB}{name}"


def _download(name: str, aside: Path) -> Path:
    from huggingface_hub import snapshot_download

    with _hub(name):
        return Path(snapshot_download(name, local_dir=aside, allow_patterns=[*FILES, *MORE_FILES]))


@contextmanager
def _hub(name: str) -> Iterator[None]:
    """Fail at once where the hub cannot be reached, and in one line where it refuses."""
    from huggingface_hub import constants

    if name.count("/") != 1 or not all(name.split("/")):
        raise RunError(f"{HUB}{name}: expected {HUB}user/name")
    try:
        if not urllib.request.getproxies():
            host = urlsplit(constants.ENDPOINT)
            port = host.port or (80 if host.scheme == "http" else 443)
            socket.create_connection((host.hostname or "", port), timeout=10).close()
        yield
    except Exception as error:  # its client raises errors of several libraries
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise RunError(
            f"{HUB}{name}: the hub cannot be reached or refuses ({reason}); log in with `hf auth login`, or give "
            "a folder"
        ) from error
