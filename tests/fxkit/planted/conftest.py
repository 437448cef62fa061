"""An honest data set with a run, an ablation and an audit; the planted problems are changes of it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from .command import Said, fxkit
from .films import Film, make_films, write_films, write_markers

N_TEST = 60

# A linear probe on the features of a network with random weights: trained in seconds, and honest on these films.
SETTINGS = (
    *("--config", "tiny", "--set", "data.image_size=64", "--set", "augment.enabled=false"),
    *("--set", "optim.epochs=[1,0]", "--set", "optim.head=probe", "--set", "model.hidden=0"),
)


@dataclass(frozen=True)
class Honest:
    """The honest data set, and what each command said about it.

    Attributes:
        films: the films, which are below `root`.
        root: folder of the films, with films.csv.
        said: command -> what it printed.
    """

    films: tuple[Film, ...]
    root: Path
    manifest: Path
    card: Path
    run: Path
    said: dict[str, Said]

    def copy_run(self, folder: Path) -> Path:
        """Return a copy of the run with all its results, to be changed."""
        return Path(shutil.copytree(self.run, folder / "run"))


@pytest.fixture(scope="package")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Honest:
    """100 films of 100 patients; the class can be seen, and the letters do not tell it. Tests must not change it."""
    folder = tmp_path_factory.mktemp("honest")
    films = tuple(make_films(100))
    root, manifest, run = folder / "films", folder / "manifest.csv", folder / "runs" / "run"
    table = write_films(root, films)
    markers = write_markers(folder / "markers.json", films)
    said = {"index": fxkit("index", table, "--no-copies", "--fractions", "0.3,0.1,0.6", "--out", manifest)}
    said["train"] = fxkit(
        "train", "--manifest", manifest, "--root", root, *SETTINGS, "--runs", run.parent, "--name", "run"
    )
    said["evaluate"] = fxkit("evaluate", run)
    said["clean-labels"] = fxkit("clean-labels", table, "--markers", markers, "--out", folder / "clean")
    said["ablate"] = ablate(manifest, root, folder / "clean", run)
    said["audit"] = fxkit("audit", run, "--data-card", folder / "data.json")
    return Honest(films, root, manifest, folder / "data.json", run, said)


def ablate(manifest: Path, root: Path, cleaned: Path, out: Path, *settings: str) -> Said:
    """Run the marker ablation with the settings of the honest run."""
    films = ("--manifest", manifest, "--root", root, "--cleaned", cleaned)
    return fxkit("ablate", "masked-vs-raw", *films, *SETTINGS, *settings, "--seeds", "0", "--folds", "3", "--out", out)
