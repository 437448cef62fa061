"""Cells of a table as people write them: which are empty, and which are two spellings of one patient or class."""

import math
import re
import unicodedata
from functools import lru_cache

# Spaces of every kind, and signs without width that web pages and spreadsheets leave behind.
OUTER = "".join(chr(n) for n in (*range(0x3001), 0xFEFF) if chr(n).isspace() or unicodedata.category(chr(n)) == "Cf")

FORMULA_TEXT = re.compile(r'="(.*)"', re.DOTALL)  # how some systems keep a spreadsheet from reading 007 as 7

# What pandas, R, spreadsheets and databases write for a missing value.
EMPTY = frozenset((
    "nan", "-nan", "na", "n/a", "#n/a", "<na>", "pd.na", "nat", "null", "<null>", "(null)", "[null]", "\\n",
    "#n/d", "#nv", "#null!", "#value!", "#ref!", "#name?", "#num!", "#div/0!", "1.#qnan", "1.#ind", "-1.#ind",
))  # fmt: skip

NO_VALUE = re.compile(
    r"none|nil|unk|unkn|unknown|unspecified|undefined|missing|empty|blank|tbd|nodata|noinformation"
    r"|(not|un)(available|applicable|known|specified|given|recorded|reported|provided|stated)"
    r"|unbekannt|keineangaben?|inconnue?|desconocid[oa]|desconhecid[oa]|sconosciut[oa]|onbekend|okand|nieznan[ey]"
)

# Words that replace a patient in anonymised files; "anon17" is a pseudonym.
NO_PATIENT = re.compile(
    r"x{3,}|anon(ym(ous(patient)?|i[sz]ed?)?)?|de?id(entified)?|removed|redacted|deleted|cleared|hidden|masked|private"
    r"|default|test|(no)?(id|name|patient(id|name)?)"
)

NUMBER = re.compile(r"[-+]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)(e[-+]?[0-9]+)?", re.IGNORECASE)

ROUNDED = re.compile(r"\d([.,]\d+)?e\+\d+", re.IGNORECASE)  # 1.23457E+11: a spreadsheet dropped digits


def clean_cell(cell: str) -> str:
    """Return a cell without outer space, signs without width, and the formula ="..." around a text."""
    if cell[:1].isalnum() and cell[-1:].isalnum():  # most cells; there may be millions
        return cell
    text = cell.strip(OUTER)
    formula = FORMULA_TEXT.fullmatch(text)
    return formula[1].strip(OUTER) if formula else text


def is_undecoded(text: str) -> bool:
    """Tell whether a text holds bytes that are not UTF-8, as surrogates."""
    return not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text)


def decode_legacy(text: str) -> str:
    """Return a text with bytes that are not UTF-8 as the Windows-1252 text that a spreadsheet may have written.

    It is returned unchanged if it is not Windows-1252 either.
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("cp1252") if is_undecoded(text) else text
    except UnicodeError:
        return text


def is_empty(text: str) -> bool:
    """Tell whether a cleaned cell is what a program writes for a missing value, such as nan, NA, null or #N/A."""
    return not text or text.lower() in EMPTY


@lru_cache(maxsize=1 << 16)
def is_unknown(text: str) -> bool:
    """Tell whether a cleaned cell is empty, a word for "not known" such as unknown or none, or only - . ? / or _."""
    plain = _plain(text)
    return is_empty(text) or not text.strip("-–—_.?/*~ ") or plain == "na" or bool(NO_VALUE.fullmatch(plain))


def is_no_patient(text: str) -> bool:
    """Tell whether a cleaned cell names no patient: unknown, or a word that anonymising leaves, such as ANONYMOUS."""
    return is_unknown(text) or bool(NO_PATIENT.fullmatch(_plain(text)))


def read_number(text: str) -> float:
    """Return a cleaned cell as a finite number, with a point or a comma before the decimals.

    Raises:
        ValueError: the cell is no number, or not a finite one.
    """
    number = float(text.replace(",", ".")) if NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not a number")
    return number


def _plain(text: str) -> str:
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return "".join(filter(str.isalnum, folded))


@lru_cache(maxsize=1 << 16)
def patient_key(text: str) -> str:
    """Return a text that is equal for all spellings of one patient; "" if the text names no patient.

    Case, spaces, signs without width and Unicode forms (NFKC) do not count. Punctuation counts as a space, and a space
    between a letter and a digit not at all: P-01, p_01 and P01 are equal, 1-23 and 12-3 are not. Leading zeros do not
    count, nor does the .0 that a spreadsheet adds to a number: 007, 7 and 7.0 are equal.
    """
    text = clean_cell(text)
    if is_no_patient(text):
        return ""
    folded = _fold(text)
    whole = re.fullmatch(r"(\d+)[.,]0+", folded)
    name = whole[1] if whole else folded
    spaced = "".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in name)
    joined = re.sub(r"(?<=[^\W\d_]) +(?=\d)|(?<=\d) +(?=[^\W\d_])", "", " ".join(spaced.split()))
    return re.sub(r"\d+", lambda run: _digits(run[0]).lstrip("0") or "0", joined) or folded


def label_key(text: str) -> str:
    """Return a text that is equal for all spellings of one class, site or other category.

    Case, Unicode forms (NFKC) and outer space do not count; spaces, _ and - between letters or digits are equal; a
    number is equal to the same number with .0 or leading zeros.
    """
    whole_text = _fold(clean_cell(text))
    folded = whole_text.strip("_ ")
    whole = re.fullmatch(r"(-?)0*(\d+)([.,]0*)?", folded)
    if whole:
        return whole[1] + _digits(whole[2])
    return re.sub(r"(?<=[^\W_])[\s_-]+(?=[^\W_])", " ", folded) or whole_text


def _fold(text: str) -> str:
    """Return the text in NFKC, without case and without format characters such as the zero-width space."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return clean_cell("".join(sign for sign in folded if unicodedata.category(sign) != "Cf"))


def _digits(run: str) -> str:
    return "".join(str(unicodedata.decimal(digit)) for digit in run)
