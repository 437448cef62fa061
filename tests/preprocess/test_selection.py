from preprocess.markers import Marker, box_quad
from preprocess.selection import to_erase
from preprocess.settings import CleanSettings

RIGHT, LEFT, UNREAD = (Marker(box_quad(10 * n, 0, 10 * n + 8, 8), text) for n, text in enumerate(("R29", "L", "")))


def plate(marker: Marker) -> Marker:
    x, y = marker.quad[0]
    return Marker(box_quad(x - 1, y - 1, x + 9, y + 9), style="plate")


def test_everything_goes_where_nothing_is_said() -> None:
    markers = [RIGHT, plate(RIGHT), UNREAD]
    assert to_erase(markers, CleanSettings()) == markers


def test_keep_saves_what_matches_and_nothing_unread() -> None:
    markers = [RIGHT, LEFT, UNREAD]
    assert to_erase(markers, CleanSettings(keep="^R")) == [LEFT, UNREAD]
    assert to_erase(markers, CleanSettings(keep=".*")) == [UNREAD]
    assert to_erase(markers, CleanSettings(keep="r")) == markers
    assert to_erase(markers, CleanSettings(keep="(?i)r")) == [LEFT, UNREAD]


def test_only_picks_what_matches_and_nothing_unread() -> None:
    markers = [RIGHT, LEFT, UNREAD]
    assert to_erase(markers, CleanSettings(only=r"\d")) == [RIGHT]
    assert to_erase(markers, CleanSettings(only="R|L", keep="29")) == [LEFT]
    assert to_erase(markers, CleanSettings(only=".*")) == [RIGHT, LEFT]


def test_plates_stay_when_told_to() -> None:
    assert to_erase([RIGHT, plate(RIGHT)], CleanSettings(plates=False)) == [RIGHT]


def test_a_plate_follows_the_letters_on_it() -> None:
    markers = [RIGHT, plate(RIGHT), LEFT, plate(LEFT)]
    assert to_erase(markers, CleanSettings(keep="R")) == [LEFT, plate(LEFT)]
    assert to_erase(markers, CleanSettings(only="R")) == [RIGHT, plate(RIGHT)]
