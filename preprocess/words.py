"""Words that depend on a number."""


def amount(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun: "1 file", "2 files".

    Args:
        one: noun, with its verb if it has one ("file is").
        many: the same for any other number ("files are"); default: `one` with an s.
    """
    return f"{n} {one if n == 1 else many or one + 's'}"


def part_of(n: int, whole: int, one: str, many: str = "") -> str:
    """Return a part of a number with its noun: "2 of 3 films", or "the only film" for 1 of 1.

    Args:
        one: noun.
        many: its plural; default: `one` with an s.
    """
    return f"the only {one}" if n == whole == 1 else f"{n} of {amount(whole, one, many)}"


def none_of(whole: int, one: str, many: str = "") -> str:
    """Return the subject of a sentence about no file at all: "none of 3 files", or "no file" for 1.

    Args:
        one: noun.
        many: its plural; default: `one` with an s.
    """
    return f"no {one}" if whole == 1 else f"none of {amount(whole, one, many)}"
