"""Words that depend on a number."""


def amount(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun: "1 file", "2 files".

    Args:
        one: noun, with its verb if it has one ("file is").
        many: the same for any other number ("files are"); default: `one` with an s.
    """
    return f"{n} {one if n == 1 else many or one + 's'}"
