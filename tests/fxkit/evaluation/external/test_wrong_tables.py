"""Tables of predictions that cannot be judged: each is refused in one line that counts and says what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fxkit.errors import ConfigError, DataError
from fxkit.evaluation.external.columns import ColumnChoice
from fxkit.evaluation.external.evaluate import evaluate_table
from fxkit.evaluation.external.options import TableOptions
from preprocess.errors import OutputError

HEAD = "path,label,p_fracture,p_normal\n"

ROWS = "a.png,fracture,0.9,0.1\nb.png,normal,0.2,0.8\nc.png,fracture,0.7,0.3\nd.png,normal,0.4,0.6\n"

ONE = "path,label,probability\na.png,fracture,0.9\nb.png,normal,0.2\nc.png,fracture,0.7\nd.png,normal,0.4\n"


def ones(*values: object, labels: tuple[object, ...] = ("fracture", "normal"), column: str = "probability") -> str:
    """Return a table with one column of scores."""
    rows = (f"f{n}.png,{labels[n % len(labels)]},{value}\n" for n, value in enumerate(values))
    return f"path,label,{column}\n" + "".join(rows)


def twos(*pairs: tuple[object, object]) -> str:
    """Return a table with a column of scores for each of two classes."""
    rows = (f"f{n}.png,{('fracture', 'normal')[n % 2]},{a},{b}\n" for n, (a, b) in enumerate(pairs))
    return HEAD + "".join(rows)


WRONG_TABLES: dict[str, tuple[str | bytes, str]] = {
    "empty file": ("", "no rows and no heading"),
    "heading alone": (HEAD, "no rows"),
    "no key": ("label,probability\nfracture,0.9\nnormal,0.1\n", "no column `path` or `id`; its columns are: `label`"),
    "two keys": ("case,study,label,probability\n1,2,fracture,0.9\n", "`case`, `study` may all name the film"),
    "no scores": ("path,label,sex\na.png,fracture,M\n", "no column of scores; expected one column such as"),
    "two single scores": (
        "path,label,prob,risk\na.png,fracture,0.9,3\nb.png,normal,0.1,2\n",
        "`prob`, `risk` may all hold the scores",
    ),
    "two sets of scores": (
        "path,label,prob_0,prob_1,logit_0,logit_1\na.png,1,0.1,0.9,-1,1\nb.png,0,0.9,0.1,1,-1\n",
        "may all hold the scores",
    ),
    "no truth": ("path,probability\na.png,0.9\nb.png,0.1\n", "no column of truth; expected a column such as `label`"),
    "empty truth": ("path,label,probability\na.png,,0.9\nb.png,nan,0.1\n", "the true class is empty in all rows"),
    "a score is a word": (ones(0.9, "high"), "1 score is no finite number: row 3: 'high'"),
    "a score is missing": (ones(0.9, "", "nan", 0.1), "2 scores are no finite number: row 3: nothing, row 4: 'nan'"),
    "a score is infinite": (ones(0.9, "inf"), "row 3: 'inf'"),
    "logits": (
        ones(-3.5, 2, 0.5, 7),
        "the scores of 3 of 4 films lie outside of 0 to 1 (from -3.5 to 7); expected a probability; give --scale logit",
    ),
    "percent": (
        ones(90, 10, 55, 0.5),
        "the scores of 3 of 4 films lie outside of 0 to 1 (from 0.5 to 90); expected a probability; give --scale perc",
    ),
    "percent above 100": (ones(90, 101, column="percent_probability"), "outside of 0 to 100"),
    "all equal": (ones(0.5, 0.5, 0.5, 0.5), "all 4 films have the same score (0.5)"),
    "rows that do not add up": (
        twos((0.9, 0.9), (0.2, 0.8)),
        "the probabilities of 1 of 2 films do not add up to 1 (from 1 to 1.8; first f0.png)",
    ),
    "logits of two classes": (twos((3, -3), (-2, 2)), "give --scale logit"),
    "a path is missing": (ONE + ",normal,0.4\n", "row 6: no path; 1 row has none"),
    "a path stands twice": (
        ONE + "a.png,fracture,0.8\n",
        "1 key stands in several rows with different values: a.png; expected one row for each film",
    ),
    "another class": (
        HEAD + "a.png,fracture,0.9,0.1\nb.png,healthy,0.2,0.8\nc.png,healthy,0.2,0.8\n",
        "the true class of 2 films (healthy) is not one of those with scores (fracture, normal)",
    ),
    "classes by number, labels by name": (
        "path,label,prob_0,prob_1\na.png,fracture,0.1,0.9\nb.png,normal,0.8,0.2\n",
        "is not one of those with scores (0, 1)",
    ),
    "the scores of a class that no film has": (
        "path,label,p_tumour\na.png,fracture,0.9\nb.png,normal,0.2\n",
        "the scores are those of class 'tumour', which no film has",
    ),
    "three classes and one score": (
        ones(0.9, 0.1, 0.4, labels=("fracture", "normal", "tumour")),
        "3 true classes (fracture, normal, tumour) and one column of scores",
    ),
    "one class and one score": (
        ones(0.9, 0.8, labels=("fracture",)),
        "all films are of class 'fracture', and the column of scores does not say of which class it is",
    ),
    "an unknown split": (
        "path,label,probability,split\na.png,fracture,0.9,holdout\nb.png,normal,0.1,holdout\n",
        "the split of a.png is 'holdout'",
    ),
    "no test film": (
        "path,label,probability,split\na.png,fracture,0.9,val\nb.png,normal,0.1,val\n",
        "no row of the split test",
    ),
    "ragged row": (ONE + "e.png,normal,0.4,7,8\n", "row 6: 5 values for 3 columns"),
    "open quote": (ONE + '"e.png,normal,0.4\n', "a double quote is opened and not closed"),
    "Excel": (b"PK\x03\x04" + bytes(40), "is an Excel workbook or zip file"),
    "damaged Parquet": (b"PAR1" + bytes(40), "is a damaged Parquet file"),
    "NUL": (ONE.encode() + b"\0", "holds a NUL character"),
}


@pytest.fixture
def evaluate(tmp_path: Path) -> Callable[..., object]:
    """Evaluate the content of a table, with a second table if one is given."""

    def run(content: str | bytes, films: str = "", **options: object) -> object:
        table = tmp_path / "preds.csv"
        table.write_bytes(content.encode() if isinstance(content, str) else content)
        if films:
            (tmp_path / "films.csv").write_text(films)
            options["films"] = tmp_path / "films.csv"
        return evaluate_table(table, tmp_path / "out", TableOptions(**options))  # type: ignore[arg-type]

    return run


@pytest.mark.parametrize("kind", WRONG_TABLES)
def test_a_wrong_table_is_refused_in_one_line(kind: str, evaluate: Callable[..., object], tmp_path: Path) -> None:
    content, expected = WRONG_TABLES[kind]
    with pytest.raises((DataError, ConfigError)) as caught:
        evaluate(content)
    text = str(caught.value)
    assert expected in text
    assert "\n" not in text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("films", "expected"),
    [
        ("path,label\na.png,fracture\nb.png,normal\n", "no row for 2 of 4 predictions: c.png, d.png"),
        (
            "path,label\na.png,fracture\nb.png,fracture\nc.png,fracture\nd.png,normal\n",
            "the label of 1 of 4 films differs from that in",
        ),
        (
            "path,label\na.png,fracture\nb.png,normal\nc.png,fracture\nd.png,normal\ne.png,normal\nf.png,fracture\n",
            "no prediction for 2 films of",
        ),
        ("name,kind\nx,y\n", "no row matches a film"),
        ("kind,x\nx,y\n", "no column `path` or `id`"),
        (
            "path,label\n1/a.png,fracture\n2/a.png,normal\nb.png,normal\nc.png,fracture\nd.png,normal\n",
            "both may mean a.png",
        ),
    ],
)
def test_a_second_table_that_does_not_fit_is_refused(
    films: str, expected: str, evaluate: Callable[..., object]
) -> None:
    with pytest.raises(DataError, match=r"films\.csv") as caught:
        evaluate(ONE, films)
    assert expected in str(caught.value)


def test_options_that_do_not_fit_are_refused(evaluate: Callable[..., object], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give --threshold"):
        evaluate(ONE, columns=ColumnChoice(scale="score"))
    with pytest.raises(ConfigError, match="--scale score: expected one column"):
        evaluate(HEAD + ROWS, columns=ColumnChoice(scale="score"), threshold=3.0)
    with pytest.raises(DataError, match="no column 'risk'"):
        evaluate(ONE, columns=ColumnChoice(scores=("risk",)))
    with pytest.raises(ConfigError, match="name the class of each"):
        evaluate("path,label,x,y\na,0,1,2\n", columns=ColumnChoice(scores=("x", "y")))
    with pytest.raises(ConfigError, match="positive class 'tumour'"):
        evaluate(ONE, positive="tumour")
    (tmp_path / "train.csv").write_text("path,split\nx.png,test\n")
    with pytest.raises(DataError, match="all rows are of the test split"):
        evaluate(ONE, trained_on=tmp_path / "train.csv")


def test_a_folder_of_other_files_is_not_overwritten(evaluate: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds other files"):
        evaluate(ONE)
    (tmp_path / "out" / "config.yaml").write_text("")
    with pytest.raises(OutputError, match="is a run folder"):
        evaluate(ONE)


def test_figures_of_other_predictions_are_replaced_only_if_told(
    evaluate: Callable[..., object], tmp_path: Path
) -> None:
    evaluate(ONE)
    evaluate(ONE)
    with pytest.raises(OutputError, match="holds figures of other predictions"):
        evaluate(ONE.replace("0.9", "0.95"))
    evaluate(ONE.replace("0.9", "0.95"), overwrite=True)
