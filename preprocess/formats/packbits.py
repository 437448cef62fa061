"""Measure data that is compressed with PackBits, the run-length code of TIFF and DICOM."""


def unpacked_size(packed: bytes, enough: int) -> int:
    """Return how many bytes PackBits data holds; count no further than `enough`.

    Runs that lie beyond the end of the data are not counted.

    Source: TIFF 6.0, section 9; DICOM PS3.5, annex G.
    """
    at = size = 0
    while at < len(packed) and size < enough:
        code = packed[at]
        if code < 128:
            size += min(code + 1, len(packed) - at - 1)
            at += code + 2
        else:
            size += 257 - code if code > 128 and at + 1 < len(packed) else 0
            at += 2 if code > 128 else 1
    return size
