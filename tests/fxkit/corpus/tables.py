"""Tables of films as people and programs write them, and what should become of each.

All list the same films: FILMS files of PATIENTS patients in two classes.
"""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PATIENTS, FILMS = 8, 16

Cells = tuple[str, str, str]  # path, label and patient

Edit = Callable[[int, Cells], Cells]


@dataclass(frozen=True)
class TableKind:
    """One kind of table, and what `fxkit index` makes of it.

    Attributes:
        name: unique in the corpus; the file is NAME.csv.
        data: bytes of the file; {root} stands for the folder of the films.
        says: texts of which each must be in what the command prints.
        films: number of usable files; 0 if the table is refused with exit code 1.
        patients: number of patients that the manifest names.
        classes: number of classes.
        groups: number of groups; default: the number of patients.
    """

    name: str
    data: bytes
    says: tuple[str, ...] = ()
    films: int = FILMS
    patients: int = PATIENTS
    classes: int = 2
    groups: int | None = None


def refused(name: str, data: bytes, *says: str) -> TableKind:
    """Return a kind of table that is refused with a line that holds these texts."""
    return TableKind(name, data, says, films=0)


def film_rows() -> list[Cells]:
    """Return path, label and patient of each film: p01 has the films 01 and 02, p02 the films 03 and 04, and so on."""
    rows = []
    for n in range(FILMS):
        patient = n // 2 + 1
        rows.append((f"wrist/Film {n + 1:02d}.png", ("fractured", "normal")[patient % 2], f"p{patient:02d}"))
    return rows


def film_pixels(number: int) -> NDArray[np.uint8]:
    """Return (32, 32) noise that is the same for the same number."""
    return np.random.default_rng(number).integers(0, 255, (32, 32), np.uint8)


def text(edit: Edit | None = None, heading: str = "path,label,patient", separator: str = ",", end: str = "\n") -> str:
    """Return the table as text.

    Args:
        edit: changes the cells of the row with a number from 0.
    """
    rows = [edit(n, row) if edit else row for n, row in enumerate(film_rows())]
    return end.join([heading.replace(",", separator), *(separator.join(row) for row in rows), ""])


def path(change: Callable[[int, str], str]) -> bytes:
    """Return a table with other paths."""
    return text(lambda n, row: (change(n, row[0]), row[1], row[2])).encode()


def label(change: Callable[[int, str], str]) -> bytes:
    """Return a table with other labels."""
    return text(lambda n, row: (row[0], change(n, row[1]), row[2])).encode()


def patient(change: Callable[[int, str], str], encoding: str = "utf-8") -> bytes:
    """Return a table with other patients."""
    return text(lambda n, row: (row[0], row[1], change(n, row[2]))).encode(encoding)


def tables() -> list[TableKind]:
    """Return all kinds of tables."""
    return [*files(), *paths(), *_patients(), *_labels(), *_columns()]


def files() -> list[TableKind]:
    """Return the tables that differ in how the file is written."""
    return [*_encodings(), *_other_files(), *_separators(), *_quoting()]


def _encodings() -> Iterator[TableKind]:
    plain, german = text(), text(lambda n, row: (row[0], row[1].replace("normal", "unversehrt, früh"), row[2]))
    german = german.replace("unversehrt, früh", '"unversehrt, früh"')
    yield TableKind("plain", plain.encode())
    yield TableKind("utf-8-with-mark", plain.encode("utf-8-sig"))
    for encoding in ("utf-16-le", "utf-16-be"):
        mark = "\ufeff".encode(encoding)
        yield TableKind(f"{encoding}-with-mark", mark + plain.encode(encoding), (f"read as {encoding.upper()}",))
        yield TableKind(f"{encoding}-without-mark", plain.encode(encoding), (f"read as {encoding.upper()}",))
    yield TableKind("utf-32", plain.encode("utf-32"), ("read as UTF-32-LE",))
    yield TableKind("windows-1252", german.encode("cp1252"), ("is read as Windows-1252 (unversehrt, früh in row",))
    yield TableKind("umlauts-in-utf-8", german.encode())
    heading = text(heading="path,label,patient").replace("label,", "größe,label,", 1).encode("cp1252")
    yield refused("heading-in-windows-1252", heading.replace(b"path", b"pfad"), "its columns are: pfad, größe, label")
    with_size = text(lambda n, row: (row[0], f"{n},{row[1]}", row[2]), "path,größe,label,patient").encode("cp1252")
    yield TableKind("heading-in-windows-1252-unread", with_size, ("Windows-1252", "are not read: größe"))
    yield refused(
        "neither-utf-8-nor-windows-1252", label(lambda n, _: "\x81").replace(b"\xc2\x81", b"\x81"), "row 2", "neither"
    )
    yield refused("utf-16-cut", b"\xff\xfe" + plain.encode("utf-16-le")[:-1], "damaged UTF-16-LE text")


def _other_files() -> Iterator[TableKind]:
    plain = text().encode()
    yield refused("nul-byte", plain.replace(b"normal", b"nor\0al", 1), "row 2: holds a NUL character")
    yield refused("random-bytes", np.random.default_rng(0).bytes(5000), "error: ")
    yield refused("png", b"\x89PNG\r\n\x1a\n" + bytes(200), "is a PNG image")
    workbook = io.BytesIO()
    with zipfile.ZipFile(workbook, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    yield refused("workbook", workbook.getvalue(), "an Excel workbook or zip file", "save the table as CSV")
    yield refused("old-workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old Excel workbook")
    yield refused("gzip", gzip.compress(plain), "a gzip file")
    yield refused("parquet", b"PAR1" + bytes(80) + b"PAR1", "is a damaged Parquet file")
    yield refused("web-page", b"<!DOCTYPE html>\n<html><body>502, bad gateway</body></html>\n", "a web page")
    yield refused("json", b'[\n {"path": "wrist/Film 01.png", "label": "normal"}\n]\n', "is a JSON file")
    yield refused("empty", b"", "no rows and no heading")
    yield refused("blank-lines-only", b"\n \n,,\n", "no rows and no heading")
    yield refused("heading-only", b"path,label,patient\n", "no rows")


def _separators() -> Iterator[TableKind]:
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        yield TableKind(name.replace(" ", "-"), text(separator=separator).encode(), (f"separated by {name}",))
    yield TableKind("named-separator", ("sep=;\n" + text(separator=";")).encode(), ("separated by semicolons",))
    yield TableKind("windows-lines", text(end="\r\n").encode())
    yield TableKind("old-mac-lines", text(end="\r").encode())
    yield TableKind("blank-lines-between", text(end="\n\n").encode())
    yield TableKind("empty-rows-at-the-end", (text() + ",,\n" * 40).encode())
    yield TableKind("empty-columns", text().replace("\n", ",,,\n").encode())
    comma = text(lambda n, row: (row[0], row[1], f"{n // 2 + 1},0"), separator=";").encode()
    yield TableKind("comma-before-decimals", comma, ("separated by semicolons",))


def _quoting() -> Iterator[TableKind]:
    plain = text()
    quoted = "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in plain.splitlines())
    yield TableKind("all-quoted", quoted.encode())
    yield refused(
        "quote-not-closed", plain.replace(",normal", ',"normal', 1).encode(), "a double quote is opened and not closed"
    )
    yield TableKind(
        "line-break-in-a-cell", plain.replace("path,label", "note,path,label").replace("wrist", '"a\nb",wrist').encode()
    )
    yield TableKind(
        "cell-of-100000-letters",
        text(
            lambda n, row: (row[0], row[1], f"{row[2]},{'x' * 100_000 * (n == 3)}"), "path,label,patient,report"
        ).encode(),
    )
    yield refused(
        "cell-of-200000-letters",
        text(
            lambda n, row: (row[0], row[1], f"{row[2]},{'x' * 200_000 * (n == 3)}"), "path,label,patient,report"
        ).encode(),
        "row 5",
        "is a double quote not closed?",
    )
    yield refused("too-many-cells", plain.replace("p03", "p03,left,old", 1).encode(), "row 6: 5 values for 3 columns")
    yield refused("too-few-cells", plain.replace(",normal,p03", "", 1).encode(), "row 6: no label")
    yield TableKind(
        "patient-cut-off", plain.replace(",p03", "").encode(), ("2 of 16 files have no patient",), patients=7, groups=9
    )
    yield TableKind("heading-repeated", (plain + plain).encode(), ("1 row repeats the heading", "16 repeated rows"))
    yield refused("column-twice", plain.replace("patient", "label", 1).encode(), "two columns are called `label`")
    yield refused("no-heading", plain.partition("\n")[2].encode(), "no column `path`")
    yield TableKind("title-above", ("Films of 2024,,\n" + plain).encode(), films=0, says=("no column `path`",))


def paths() -> Iterator[TableKind]:
    """Yield tables that differ in how they write the paths."""
    yield TableKind("backslashes", path(lambda _, name: name.replace("/", "\\")))
    yield TableKind("absolute-paths", path(lambda _, name: "{root}/" + name))
    yield TableKind("file-addresses", path(lambda _, name: "file://{root}/" + name.replace(" ", "%20")))
    yield TableKind("dots", path(lambda n, name: ("./", "wrist/../", "wrist//../")[n % 3] + name))
    yield TableKind("blanks-around", path(lambda _, name: f"\u00a0{name}  "))
    yield TableKind("other-case", path(lambda _, name: name.upper()), ("16 paths differ from their files in case",))
    yield TableKind("without-extension", path(lambda _, name: name[:-4]), ("16 paths differ",))
    yield refused("parent-folder", path(lambda n, name: name if n else "../" + name), "row 2", "is outside of")
    yield refused("other-absolute-path", path(lambda n, name: name if n else "/etc/hostname"), "row 2", "is outside of")
    yield refused("drive", path(lambda n, name: "C:\\data\\" + name.replace("/", "\\")), "row 2", "is outside of")
    yield refused("path-empty", path(lambda n, name: name if n != 4 else ""), "row 6: no path")
    yield TableKind(
        "film-missing", path(lambda n, name: name if n else "wrist/none.png"), ("left out: wrist/none.png",), films=15
    )
    yield TableKind("folder-as-film", path(lambda n, name: name if n else "wrist"), ("left out: wrist",), films=15)
    yield TableKind("rows-twice", (text() + text().partition("\n")[2]).encode(), ("16 repeated rows are ignored",))
    twice = text() + "wrist/Film 01.png,normal,p01\n"
    yield TableKind("one-row-twice", twice.encode(), ("1 repeated row is ignored",))
    yield refused(
        "rows-differ", (text() + "wrist/Film 01.png,fractured,p01\n").encode(), "row 18", "differs from an earlier row"
    )


def _patients() -> Iterator[TableKind]:
    joined = "spelled in several ways and joined"
    number = lambda name: int(name[1:])  # noqa: E731
    for name, change in {
        "number-with-point": lambda n, p: f"{number(p)}{'.0' * (n % 2)}",
        "case": lambda n, p: p.upper() if n % 2 else p,
        "leading-zeros": lambda n, p: f"{number(p):0{4 if n % 2 else 1}d}",
        "no-break-space": lambda n, p: f"P{chr(0xA0) * (n % 2)}{number(p)}",
        "zero-width-space": lambda n, p: f"p\u200b{number(p)}" if n % 2 else f"p{number(p)}",
        "hyphen": lambda n, p: f"P-{number(p)}" if n % 2 else f"P_{number(p)}",
        "full-width": lambda n, p: "".join(chr(ord(c) + 0xFEE0) for c in p) if n % 2 else p,
    }.items():
        yield TableKind(f"patients-{name}", patient(change), (f"WARNING: 8 patients are {joined}",))
    yield TableKind(
        "patients-as-formula", patient(lambda n, p: f'"=""{number(p):03d}"""' if n % 2 else f"{number(p):03d}")
    )
    for word in ("nan", "NA", "unknown", "-", "N/A", "NULL", "ANONYMOUS", "#N/A", "?"):
        name = "".join(sign for sign in word if sign.isalnum()) or str(ord(word[0]))
        yield TableKind(
            f"patient-{name}-{len(word)}",
            patient(lambda n, p, word=word: word if n < 4 else p),
            ("4 cells of column `patient` count as empty", "4 of 16 files have no patient"),
            patients=6,
            groups=10,
        )
    yield TableKind(
        "no-patients", patient(lambda n, p: ""), ("no patients are known (16 of 16",), patients=0, groups=16
    )
    yield refused("patients-rounded", patient(lambda n, p: "1.23E+11"), "a spreadsheet has rounded", "1 group")
    yield TableKind("patients-as-dates", patient(lambda n, p: f"{number(p)}-Jan"))


def _labels() -> Iterator[TableKind]:
    joined = "spelled in several ways and joined"
    yield TableKind("labels-case", label(lambda n, name: name.title() if n % 2 else name), (f"2 classes are {joined}",))
    yield TableKind(
        "labels-with-point",
        label(lambda n, name: f"{int(name == 'normal')}{'.0' * (n % 2)}"),
        (f"2 classes are {joined}",),
    )
    yield TableKind("labels-true-false", label(lambda n, name: (str if n % 2 else repr)(name == "normal").upper()))
    yield TableKind("labels-blank-after", label(lambda n, name: name + " " * (n % 3)))
    yield refused(
        "label-nan", label(lambda n, name: name if n else "nan"), "row 2: no label (cells such as nan are none)"
    )
    yield refused(
        "labels-empty", label(lambda n, name: name if n > 9 else ""), "rows 2, 3, 4, 5, 6 and 5 more: no label"
    )
    yield TableKind("label-none", label(lambda n, name: "none" if name == "normal" else name))
    yield refused("one-class", label(lambda n, name: "normal"), "only one class ('normal')")
    yield TableKind(
        "four-classes",
        label(lambda n, name: f"grade {n // 4 + 1}"),
        films=0,
        says=("class 'grade 1': 2 groups for 3 splits",),
    )
    yield refused("class-of-one-patient", label(lambda n, name: "rare" if n < 2 else name), "'rare'", "1 group")


def _columns() -> Iterator[TableKind]:
    for heading in (
        "Image Index,Finding Labels,Patient ID",
        "filename,target,subject",
        "FILE_NAME,Class,PatientID",
        " path ,LABEL,Patient",
    ):
        yield TableKind(
            f"heading-{heading.split(',')[0].strip().replace(' ', '-')}-{len(heading)}",
            text(heading=heading).encode(),
            ("is read as path",) if heading[:5] != " path" else (),
        )
    yield refused(
        "two-columns-of-paths",
        text(lambda n, row: (row[0], row[0], row[1]), "image,file,label").encode(),
        "`image`, `file` all mean path",
    )
    yield refused(
        "no-labels", text(heading="path,age,patient").encode(), "no column `label`; its columns are: path, age, patient"
    )
    yield TableKind(
        "other-columns",
        text(heading="path,label,person").replace("person", "owner").encode(),
        ("are not read: owner", "no patients are known"),
        patients=0,
        groups=16,
    )
    split = text(
        lambda n, row: (row[0], row[1], f"{row[2]},{('Train', 'TRAIN', 'Validation', 'test')[n // 4]}"),
        "path,label,patient,split",
    )
    yield TableKind("splits", split.encode(), ("own split is not kept",))
    yield refused("split-of-another-word", split.replace("TRAIN", "holdout", 1).encode(), "row 6: split 'holdout'")
