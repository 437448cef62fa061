from preprocess.formats.packbits import unpacked_size


def test_literal_and_repeated_bytes_are_counted() -> None:
    packed = bytes([2, 7, 8, 9, 256 - 4, 5, 128, 0, 6])  # three bytes, one five times, nothing, one byte
    assert unpacked_size(packed, 100) == 3 + 5 + 1
    assert unpacked_size(packed, 2) == 3


def test_a_run_that_ends_early_counts_for_what_is_there() -> None:
    assert unpacked_size(bytes([9, 1, 2]), 100) == 2
    assert unpacked_size(bytes([256 - 4]), 100) == 0
