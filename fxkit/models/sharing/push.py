"""Share a model as a folder of files or through the Hugging Face hub, and download a shared model."""

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
from fxkit.models.sharing.contents import (
    DETECTOR,
    FILES,
    OPTIONAL_FILES,
    open_shared_run,
    refuse_private,
    write_hashes,
    write_shareable,
)
from fxkit.models.sharing.model_card import render_model_card
from preprocess.files import write_atomic
from preprocess.locks import locked

HUB = "hf://"


def push(
    run_folder: str | Path, destination: str, *, public: bool = False, hashes: bool = False, overwrite: bool = False
) -> str:
    """Share the model of a finished run, with a model card as README.md; return the destination.

    Args:
        destination: a folder, or hf://user/name for the hub.
        public: make a new repository on the hub public; default: private.
        hashes: include the SHA-256 of each film's file, by which anyone who has a film can tell that it was in the
            training set.
        overwrite: replace the files of an earlier push in that folder.
    Raises:
        RunError: no finished run, the destination is not empty, or the hub cannot be reached or refuses the
            request.
    """
    load_model(run_folder)  # do not share a model that cannot be loaded
    run = open_run(run_folder)
    with tempfile.TemporaryDirectory() as temporary:
        shared = Path(temporary)
        write_shareable(run, shared, hashes=hashes)
        name = destination.removeprefix(HUB) if destination.startswith(HUB) else Path(destination).resolve().name
        write_atomic(shared / "README.md", render_model_card(run, shared, name))
        refuse_private(run, [shared / "README.md"])
        write_hashes(shared)
        if destination.startswith(HUB):
            return _upload(shared, name, public)
        _copy_files(shared, Path(destination), overwrite)
    return destination


@locked("destination")
def pull(source: str, destination: str | Path) -> Path:
    """Copy or download a shared model into a folder that predict, export and evaluate --data accept as a run.

    Nothing is unpickled or executed, and only the files of a shared model are copied.

    Args:
        source: a folder, or hf://user/name for the hub.
    Raises:
        RunError: the source has no complete shared model, the hub cannot be reached, or the destination is not empty.
    """
    out = Path(destination)
    with tempfile.TemporaryDirectory() as temporary:
        shared = _download(source.removeprefix(HUB), Path(temporary)) if source.startswith(HUB) else Path(source)
        open_shared_run(shared)
        load_model(shared)
        _copy_files(shared, out, overwrite=False)
    _adapt_to_folder(out)
    return out


@locked("out")
def _copy_files(shared: Path, out: Path, overwrite: bool) -> None:
    """Copy the files of a shared model, and no others."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{out}: is a file; expected a folder; choose another destination")
    existing = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if existing and not (overwrite and existing <= {*FILES, *OPTIONAL_FILES}):
        hint = "choose another" if overwrite else "choose another, or give --overwrite to push"
        raise RunError(f"{out}: is not empty (it contains {min(existing)}); expected a new folder; {hint}")
    for name in existing:
        (out / name).unlink()
    for name in (*FILES, *OPTIONAL_FILES):
        if (shared / name).is_file():
            write_atomic(out / name, (shared / name).read_bytes())


def _adapt_to_folder(folder: Path) -> None:
    """Set the path of the shared marker network in the cleaning settings, and drop the checked SHA-256."""
    for name in ("model.json", "manifest.json"):
        values = read_json(folder / name)
        values.pop("files", None)
        if values.get("cleaning") and (folder / DETECTOR).is_file():
            values["cleaning"]["weights"] = str((folder / DETECTOR).resolve())
        write_json(folder / name, values)


def _upload(shared: Path, name: str, public: bool) -> str:
    from huggingface_hub import HfApi

    with _hub_errors(name):
        api = HfApi()
        api.create_repo(name, private=not public, exist_ok=True)
        api.upload_folder(repo_id=name, folder_path=shared, commit_message="Share a model of fxkit")
    return f"{HUB}{name}"


def _download(name: str, folder: Path) -> Path:
    from huggingface_hub import snapshot_download

    with _hub_errors(name):
        return Path(snapshot_download(name, local_dir=folder, allow_patterns=[*FILES, *OPTIONAL_FILES]))


@contextmanager
def _hub_errors(name: str) -> Iterator[None]:
    """Raise RunError at once if the hub cannot be reached, and in one line if it refuses a request."""
    from huggingface_hub import constants

    if name.count("/") != 1 or not all(name.split("/")):
        raise RunError(f"{HUB}{name}: expected {HUB}user/name")
    try:
        if not urllib.request.getproxies():
            host = urlsplit(constants.ENDPOINT)
            port = host.port or (80 if host.scheme == "http" else 443)
            socket.create_connection((host.hostname or "", port), timeout=10).close()
        yield
    except Exception as error:  # the hub's client raises errors of several libraries
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise RunError(
            f"{HUB}{name}: the hub cannot be reached or refuses the request ({reason}); log in with `hf auth login`, "
            "or give a folder"
        ) from error
