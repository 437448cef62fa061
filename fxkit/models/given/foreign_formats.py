"""Recognise model files of other programs by their first bytes, to say what to do with them. Nothing is unpickled."""

import zipfile
from pathlib import Path

from fxkit.errors import RunError

EXPORT = "export it as ONNX, or write a function that predicts and give it with --predictor MODULE:FUNCTION"

ENDINGS = {
    ".pt": "a file of PyTorch",
    ".pth": "a file of PyTorch",
    ".ckpt": "a checkpoint of PyTorch",
    ".bin": "a file of weights",
    ".h5": "a file of Keras",
    ".hdf5": "a file of Keras",
    ".keras": "a file of Keras",
    ".joblib": "a pickle of joblib",
    ".pkl": "a pickle",
    ".pickle": "a pickle",
    ".sav": "a pickle",
    ".tflite": "a file of TensorFlow Lite",
    ".pb": "a graph of TensorFlow",
    ".mlmodel": "a file of Core ML",
    ".safetensors": "a file of weights without the network",
}


def refuse_foreign_format(path: Path) -> None:
    """Refuse a file that is no ONNX file by its first bytes or its name, and say what it is.

    Raises:
        RunError: it does not exist, cannot be read, is empty or of another program.
    """
    try:
        with path.open("rb") as file:
            start = file.read(32)
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}); expected an ONNX file") from error
    if not start:
        raise RunError(f"{path}: is empty; expected an ONNX file; copy it again")
    kind = _kind_by_bytes(path, start) or ENDINGS.get(path.suffix.lower())
    if kind is not None:
        raise RunError(f"{path}: is {kind}, which is not opened because it can hold code or no network; {EXPORT}")


def _kind_by_bytes(path: Path, start: bytes) -> str | None:
    if start.startswith(b"\x89HDF\r\n"):
        return "an HDF5 file (Keras)"
    if start.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    if start[:1] == b"\x80" and 2 <= start[1] <= 5:
        return "a pickle"
    if start[4:8] == b"TFL3":
        return "a file of TensorFlow Lite"
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ")):
        return "a compressed file"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself (fetch it with `git lfs pull`)"
    if start.lstrip()[:1] in (b"<", b"{"):
        return "a text file"
    return None


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return "a damaged ZIP file"
    if any(name.endswith("data.pkl") for name in names):
        return "a file of PyTorch"
    if "model.weights.h5" in names:
        return "a file of Keras"
    return "a ZIP file"
