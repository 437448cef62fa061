"""The options that several commands share."""

from pathlib import Path

import pytest

from fxkit.ablation.settings import AblationOptions
from fxkit.cli.options import refuse_inside, take_options
from preprocess.errors import OutputError


def test_an_output_folder_that_is_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to("self")
    with pytest.raises(OutputError, match="self: is a symbolic link to itself; choose another folder"):
        refuse_inside(tmp_path / "self", tmp_path)


def test_options_are_taken_by_their_names() -> None:
    options = {"resume": True, "overwrite": False, "out": "a"}
    assert take_options(AblationOptions, options, jobs=2) == AblationOptions(resume=True, jobs=2)
    assert options == {"out": "a"}
