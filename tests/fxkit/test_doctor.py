import re
import sys
import types
from collections import namedtuple
from pathlib import Path

import pytest

from fxkit import doctor, packages
from fxkit.doctor import Finding, examine
from fxkit.packages import installed_version


@pytest.fixture
def versions(monkeypatch):
    """Pretend that packages have these versions; None means not installed."""

    def pretend(**numbers: "str | None") -> None:
        named = {key.replace("_", "-"): value for key, value in numbers.items()}

        def pretended(name: str) -> str | None:
            return named[name] if name in named else installed_version(name)

        monkeypatch.setattr(doctor, "installed_version", pretended)
        monkeypatch.setattr(packages, "installed_version", pretended)

    return pretend


def test_this_installation_has_no_problem():
    findings = examine()
    assert [f for f in findings if f.state == "problem"] == []
    assert len({f.name for f in findings}) == len(findings)
    assert all(f.detail and "\n" not in f.detail for f in findings)


def test_findings_that_the_user_can_fix_have_a_remedy():
    for finding in examine():
        assert finding.state == "ok" or finding.remedy or finding.name in ("devices", "memory")


def test_a_check_that_raises_is_reported_as_a_problem():
    def examine_something() -> Finding:
        raise OSError("disk\nis gone")

    finding = doctor._run_check(examine_something)
    assert finding == Finding("something", "problem", "OSError: disk is gone", doctor.REINSTALL)


def test_the_python_version_is_reported():
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in doctor.examine_python().detail


def test_a_missing_package_is_a_problem(versions):
    versions(scipy=None, pillow=None)
    finding = doctor.examine_packages()
    assert (finding.state, finding.detail) == ("problem", "not installed: pillow, scipy")


def test_a_light_install_names_the_commands_that_lack_packages(versions):
    versions(torch=None, grad_cam=None, onnxscript=None)
    finding = doctor.examine_training_packages()
    assert finding.state == "missing"
    assert "cam with a run: grad-cam, torch; export: onnxscript, torch; predict with torch" in finding.detail
    assert re.fullmatch(r"pip install 'grad-cam<2,>=[\d.]+' 'onnxscript>=[\d.]+' 'torch[<>=,.\d]+'", finding.remedy)


def test_a_light_install_has_no_problem(versions):
    names = {name.replace("-", "_"): None for name in packages.OPTIONAL.values()}
    versions(**names)
    findings = examine()
    assert [f for f in findings if f.state == "problem"] == []
    assert {"torch", "devices", "albumentations"}.isdisjoint(f.name for f in findings)


@pytest.mark.parametrize(
    ("number", "state", "detail"),
    [("2.0.8", "ok", "2.0.8"), ("2.1", "problem", "2.1; fxkit needs 2.0.8"), (None, "problem", "not installed")],
)
def test_albumentations_must_be_the_supported_version(versions, number, state, detail):
    versions(albumentations=number)
    finding = doctor.examine_albumentations()
    assert (finding.state, finding.detail) == (state, detail)
    assert finding.state == "ok" or finding.remedy == "pip install albumentations==2.0.8"


def test_two_opencv_packages_are_a_problem(versions):
    versions(opencv_python="5.0", opencv_python_headless="4.0")
    finding = doctor.examine_opencv()
    assert finding.state == "problem"
    assert finding.detail == "opencv-python-headless 4.0 and opencv-python 5.0 overwrite each other"
    assert "pip uninstall -y" in finding.remedy


def test_a_missing_opencv_is_a_problem(versions):
    names = ("opencv_python", "opencv_python_headless", "opencv_contrib_python", "opencv_contrib_python_headless")
    versions(**dict.fromkeys(names))
    assert doctor.examine_opencv().detail == "not installed"


def test_working_versions_of_torch_and_torchvision_are_reported():
    finding = doctor.examine_torch()
    assert finding.state == "ok"
    assert "torchvision" in finding.detail


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::nms does not exist"),
        OSError("torchvision/_C.so: undefined symbol: _ZN3c10"),
        AttributeError("partially initialized module 'torchvision' has no attribute 'extension'"),
    ],
)
def test_torch_builds_that_do_not_match_are_explained(monkeypatch, error):
    real = doctor.importlib.import_module

    def failing(name: str):
        if name == "torchvision":
            raise error
        return real(name)

    monkeypatch.setattr(doctor.importlib, "import_module", failing)
    finding = doctor.examine_torch()
    assert finding.state == "problem"
    assert "are builds that do not match" in finding.detail
    assert "--index-url https://download.pytorch.org/whl/" in finding.remedy


def test_other_import_errors_of_torch_are_reported_unchanged(monkeypatch):
    def failing(name: str):
        raise OSError("libcudart.so.13: cannot open shared object file")

    monkeypatch.setattr(doctor.importlib, "import_module", failing)
    assert doctor.examine_torch().detail == "OSError: libcudart.so.13: cannot open shared object file"


@pytest.mark.parametrize("name", ["torch", "torchvision"])
def test_a_missing_torch_is_a_problem(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    finding = doctor.examine_torch()
    assert finding.state == "problem"
    assert finding.detail == f"{name} is not installed"


def fake_torch(cuda: bool = False, mps: bool = False, build: "str | None" = None) -> types.SimpleNamespace:
    return types.SimpleNamespace(
        cuda=types.SimpleNamespace(
            is_available=lambda: cuda, device_count=lambda: 2, get_device_name=lambda i: f"GPU{i}"
        ),
        backends=types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: mps)),
        version=types.SimpleNamespace(cuda=build),
    )


@pytest.mark.parametrize(
    ("torch", "driver", "state", "detail"),
    [
        (fake_torch(cuda=True, build="12.8"), None, "ok", "CUDA 12.8: GPU0, GPU1"),
        (fake_torch(mps=True), None, "ok", "MPS (Apple)"),
        (fake_torch(), None, "missing", "no CUDA or MPS device: training runs on the CPU"),
        (fake_torch(), "/usr/bin/nvidia-smi", "missing", "an NVIDIA driver is installed, but torch is built for CPUs"),
    ],
)
def test_devices_are_listed(monkeypatch, torch, driver, state, detail):
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: driver)
    finding = doctor.examine_devices()
    assert finding.state == state
    assert finding.detail.startswith(detail)


def test_processor_memory_and_disk_are_reported():
    assert "cores usable" in doctor.examine_processor().detail
    assert doctor._memory_gb() > 0.1
    assert "GB free" in doctor.examine_disk().detail


def test_too_little_memory_or_disk_space_is_reported(monkeypatch):
    monkeypatch.setattr(doctor, "_memory_gb", lambda: 2.0)
    assert doctor.examine_memory().detail == "2.0 GB; 4 GB or more recommended"
    monkeypatch.setattr(doctor, "_memory_gb", lambda: None)
    assert doctor.examine_memory().detail == "size unknown on this system"
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(1e9))
    finding = doctor.examine_disk()
    assert (finding.state, finding.detail) == ("missing", "1.0 GB free in the current folder")


def test_the_models_of_rapidocr_are_listed():
    finding = doctor.examine_rapidocr()
    assert finding.state == "ok"
    assert "det" in finding.detail


def test_rapidocr_without_models_or_onnxruntime_is_a_problem(monkeypatch, versions, tmp_path):
    monkeypatch.setattr(doctor, "_package_folder", lambda name: tmp_path)
    assert doctor.examine_rapidocr().detail == "no detection model among its models (none)"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "onnxruntime" in doctor.examine_rapidocr().detail
    versions(rapidocr=None)
    assert doctor.examine_rapidocr().detail == "not installed; it reads the text of markers"


def test_the_default_marker_detector_loads():
    finding = doctor.examine_markernet()
    assert (finding.name, finding.state) == ("markernet", "ok")
    assert finding.detail.startswith("default detector, ")
    assert finding.detail.endswith(" MB, works offline")


def test_a_marker_detector_that_does_not_load_is_a_problem(monkeypatch, tmp_path):
    (tmp_path / "markernet.onnx").write_bytes(b"cut off")
    monkeypatch.setattr("preprocess.detectors.markernet.NETWORK", tmp_path / "markernet.onnx")
    finding = doctor.examine_markernet()
    assert (finding.state, finding.remedy) == ("problem", "pip install --force-reinstall onnxruntime fxkit")
    assert "markernet.onnx: " in finding.detail
    monkeypatch.delitem(sys.modules, "preprocess.detectors.markernet")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "onnxruntime" in doctor.examine_markernet().detail


def test_easyocr_models_are_expected_in_the_folder_of_easyocr(monkeypatch, tmp_path):
    monkeypatch.setenv("EASYOCR_MODULE_PATH", str(tmp_path))
    model = tmp_path / "model"
    model.mkdir()
    (model / "craft_mlt_25k.pth").touch()
    finding = doctor.examine_easyocr()
    assert (finding.state, finding.detail) == ("missing", f"english_g2.pth not in {model}")
    assert "--easyocr-models DIR" in finding.remedy
    (model / "english_g2.pth").touch()
    assert doctor.examine_easyocr().state == "ok"


def test_a_missing_easyocr_is_reported(versions):
    versions(easyocr=None)
    assert doctor.examine_easyocr() == Finding("easyocr", "missing", "not installed", "pip install easyocr")


def test_cached_backbone_weights_are_listed(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for name, file in (
        ("resnet50.a1_in1k", "model.safetensors"),
        ("vit_tiny", "pytorch_model.bin"),
        ("torn", "x.json"),
    ):
        folder = tmp_path / f"models--timm--{name}" / "snapshots" / "abc"
        folder.mkdir(parents=True)
        (folder / file).touch()
    assert doctor.examine_weights().detail == "available offline: resnet50.a1_in1k, vit_tiny"


def test_missing_weights_are_reported_with_the_alternatives(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    finding = doctor.examine_weights()
    assert (finding.state, finding.detail) == ("missing", f"no timm weights in {tmp_path / 'hub'}")
    assert "--weights FILE" in finding.remedy
    assert "--no-pretrained" in finding.remedy


def test_the_hub_folder_without_environment_variables_is_the_default(monkeypatch):
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert doctor.hub_folder() == Path.home() / ".cache" / "huggingface" / "hub"


@pytest.mark.parametrize(
    ("numbers", "state", "detail"),
    [
        ({"pydicom": None}, "missing", "not installed; PNG, JPEG"),
        (
            {"pydicom": "3.0", "python_gdcm": None, "pyjpegls": None, "pylibjpeg": None},
            "missing",
            "pydicom 3.0 without",
        ),
        (
            {"pydicom": "3.0", "python_gdcm": "3.2", "pyjpegls": None, "pylibjpeg": None},
            "ok",
            "pydicom 3.0, python-gdcm",
        ),
    ],
)
def test_dicom_needs_pydicom_and_a_decoder(versions, numbers, state, detail):
    versions(**numbers)
    finding = doctor.examine_dicom()
    assert finding.state == state
    assert finding.detail.startswith(detail)


def test_nothing_is_downloaded(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the doctor opened a connection")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert not any("connection" in finding.detail for finding in examine())
