"""Check that films suit a model: its classes, and the cleaning of its training films."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fxkit.data.manifest import Record
from fxkit.data.positive import order_classes
from fxkit.errors import DataError
from fxkit.models.predict_images import HasCard
from preprocess.settings import read_clean_settings
from preprocess.tables.cells import label_key


def check_classes(model: HasCard, records: Sequence[Record], where: str) -> None:
    """Raise DataError if there is no record, or if a record's class is not one of the model's."""
    if not records:
        raise DataError(f"{where}: no usable file; expected images in folders named after their class")
    unknown = [name for name in order_classes(r.label for r in records) if name not in model.card.classes]
    if unknown:
        expected = ", ".join(model.card.classes)
        raise DataError(
            f"{where}: class {unknown[0]!r} is not one of the model's classes ({expected}); rename the folder"
        )


def check_cleaning(model: HasCard, root: Path, raw: bool) -> None:
    """Raise DataError if the films below root are not cleaned as the training films were, unless raw is given."""
    if model.card.cleaning is None or raw:
        return
    settings = read_clean_settings(root)
    if settings is None:
        raise DataError(
            f"{root}: is not cleaned, but the model was trained on cleaned images; run `fxkit clean-labels {root}` and "
            "give its output, or give --raw to evaluate on uncleaned images"
        )
    differing = [key for key, value in settings.model_dump().items() if value != model.card.cleaning.get(key)]
    if differing:
        raise DataError(
            f"{root}: was cleaned with a different {differing[0]!r} from the model's films; clean it with the settings "
            "in the clean.json of the training images, or give --raw to evaluate on these images"
        )


def spell_as_model(model: HasCard, records: Sequence[Record]) -> tuple[list[Record], str]:
    """Give classes that differ from the model's in case, spaces or .0 alone the model's spelling, with a note."""
    similar = {label_key(name): name for name in model.card.classes}
    renamed = {
        r.label: similar[label_key(r.label)]
        for r in records
        if r.label not in model.card.classes and label_key(r.label) in similar
    }
    listed = ", ".join(f"{label} as {name}" for label, name in sorted(renamed.items()))
    note = f"classes are read in the model's spelling: {listed}" if renamed else ""
    return [replace(r, label=renamed.get(r.label, r.label)) for r in records], note
