"""Which of a film's markers are erased: by their text, and whether plates of lead letters go too."""

import re
from collections.abc import Sequence

from preprocess.markers import Marker, lies_on
from preprocess.settings import CleanSettings


def to_erase(markers: Sequence[Marker], settings: CleanSettings) -> list[Marker]:
    """Return the markers that the settings `keep`, `only` and `plates` leave to erase, in their order.

    A marker whose text could not be read matches nothing: `keep` does not save it, `only` does not pick it. A
    plate follows the letters on it: it stays where one of them stays, and with `only` it goes where one goes.
    """
    letters = [marker for marker in markers if marker.style != "plate"]
    going = [marker for marker in letters if _goes(marker, settings)]
    staying = [marker for marker in letters if marker not in going]
    plates = [
        plate
        for plate in markers
        if plate.style == "plate"
        and settings.plates
        and not any(lies_on(marker, plate) for marker in staying)
        and (not settings.only or any(lies_on(marker, plate) for marker in going))
    ]
    return [marker for marker in markers if marker in going or marker in plates]


def _goes(marker: Marker, settings: CleanSettings) -> bool:
    if settings.keep and _matches(settings.keep, marker):
        return False
    return not settings.only or _matches(settings.only, marker)


def _matches(pattern: str, marker: Marker) -> bool:
    return marker.text != "" and re.search(pattern, marker.text) is not None
