import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from sklearn import metrics as reference

from fxkit.errors import RunError
from fxkit.metrics.figures.curves import (
    draw_confusion,
    draw_precision_recall,
    draw_roc,
    precision_recall_points,
    roc_curves,
    roc_points,
)
from fxkit.metrics.figures.history import draw_history
from fxkit.metrics.figures.style import write_stamp
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.ranking import weighted_auroc

HISTORY = "phase,epoch,train_loss,val_loss,val_auroc\nhead,0,0.7,0.69,0.5\nfinetune,0,0.6,,0.7\n"


def make(classes: int = 2, n: int = 60, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    names = tuple(map(str, range(n)))
    p = rng.dirichlet(np.ones(classes), n).round(2)
    p /= p.sum(axis=1, keepdims=True)
    return Predictions(
        classes=tuple(f"class ${i} with a long name" for i in range(classes)),
        paths=names,
        labels=rng.integers(0, classes, n),
        probabilities=p,
        films=names,
        groups=tuple(str(i // 3) for i in range(n)),
    )


def open_png(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "PNG"
    picture.load()
    assert len(picture.convert("L").getcolors()) > 5  # more than an empty frame
    return picture


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_each_figure_is_a_picture(classes):
    p = make(classes)
    for data in (draw_roc(p, resamples=20), draw_precision_recall(p)):
        assert min(open_png(data).size) > 500
    open_png(draw_confusion(np.eye(classes, dtype=int).tolist(), p.classes))


def test_films_of_one_class_or_no_films_give_an_empty_frame():
    p = make()
    one = Predictions(p.classes, p.paths, np.ones(60), p.probabilities, p.films, p.groups)
    for some in (one, p.take(np.array([], int))):
        open_png(draw_roc(some, resamples=20))
        open_png(draw_precision_recall(some))
    open_png(draw_confusion([[0, 0], [0, 0]], p.classes))


def test_curves_agree_with_scikit_learn():
    p = make()
    positive, scores = p.labels == 1, p.probabilities[:, 1]
    down, up = roc_points(positive, scores)
    x, y, _ = reference.roc_curve(positive, scores, drop_intermediate=False)
    assert down == pytest.approx(x)
    assert up == pytest.approx(y)
    recall, precision = precision_recall_points(positive, scores)
    y, x, _ = reference.precision_recall_curve(positive, scores)
    assert recall[1:] == pytest.approx(x[-2::-1])
    assert precision[1:] == pytest.approx(y[-2::-1])


def test_the_band_comes_from_resampled_curves_around_the_curve():
    p = make(n=90)
    grid = np.linspace(0, 1, 11)
    curves = roc_curves(p, grid, seed=1, resamples=100)
    assert curves.shape == (100, 11)
    assert (np.diff(curves, axis=1) >= -1e-12).all()
    value = np.interp(grid, *roc_points(p.labels == 1, p.probabilities[:, 1]))
    assert np.abs(curves.mean(axis=0) - value)[1:-1].max() < 0.1


def test_resamples_of_one_class_are_left_out_of_the_band():
    p = make().take(np.array([0, 1]))
    two = Predictions(p.classes, p.paths, np.array([0, 1]), p.probabilities, p.films, ("a", "b"))
    assert 20 < len(roc_curves(two, np.linspace(0, 1, 5), seed=0, resamples=100)) < 80


def test_a_history_is_drawn_and_gaps_are_allowed(tmp_path):
    (tmp_path / "history.csv").write_text(HISTORY)
    assert open_png(draw_history(tmp_path / "history.csv")).width > 1000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("phase,epoch,val_loss\n", "history.csv: no epoch; expected one row for each epoch; train again"),
        ("phase,epoch,val_loss\nhead,0,low\n", "history.csv: cannot be read as a history"),
        (None, "history.csv: cannot be read as a history"),
    ],
)
def test_a_broken_history_is_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "history.csv").write_text(text)
    with pytest.raises(RunError, match=message):
        draw_history(tmp_path / "history.csv")


@pytest.mark.parametrize("width", [3.0, 8.4])
def test_a_stamp_fits_the_width_and_lies_above_the_axes(width):
    figure = Figure(figsize=(width, 4), layout="constrained")
    axes = figure.add_subplot()
    write_stamp(figure, "leaking split: of 1020 test files, 412 (40 %) are copies of a training $film$")
    FigureCanvasAgg(figure).draw()
    text = figure.get_suptitle()
    assert " ".join(text.split()) == (
        r"leaking split: of 1020 test files, 412 (40 %) are copies of a training \$film\$"
    )
    box = figure._suptitle.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    assert box.y0 >= axes.get_window_extent().y1


def test_the_history_shows_the_stamp(tmp_path):
    (tmp_path / "history.csv").write_text(HISTORY)
    plain, stamped = (
        np.asarray(open_png(draw_history(tmp_path / "history.csv", stamp=stamp)).convert("RGB"))
        for stamp in ("", "leaking split")
    )
    red = [int((image == (0xB0, 0x00, 0x20)).all(axis=2).sum()) for image in (plain, stamped)]
    assert red[0] == 0
    assert red[1] > 10


def test_the_same_figure_has_the_same_bytes():
    assert draw_roc(make(), resamples=20) == draw_roc(make(), resamples=20)


def test_drawing_does_not_import_pyplot():
    code = (
        "import sys; from fxkit.metrics.figures.curves import draw_confusion;"
        "draw_confusion([[1, 0], [0, 1]], ('a', 'b'));"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_reliability_diagram_and_the_decision_curve_are_drawn():
    from fxkit.metrics.calibration import calibration
    from fxkit.metrics.decision_curve import decision_curve
    from fxkit.metrics.figures.probabilities import draw_decision_curve, draw_reliability

    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, 60)
    names = tuple(map(str, range(60)))
    predictions = Predictions(
        ("intact", "a $x$ broken"), names, np.arange(60) % 2, np.stack([1 - p, p], 1), names, names
    )
    pictures = [
        draw_reliability(calibration(predictions, resamples=20)),
        draw_reliability(calibration(predictions, resamples=20), stamp="leaking split: 4 files"),
        draw_decision_curve(decision_curve(predictions, resamples=20)),
        draw_decision_curve(decision_curve(predictions.take(np.arange(0, 60, 2)), prevalence=0.1, resamples=20)),
    ]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert len(set(pictures)) == 4


def make_folds(seed: int = 0) -> Predictions:
    """Predictions of three folds whose models have different scales."""
    rng = np.random.default_rng(seed)
    labels, folds = rng.integers(0, 2, 60), np.repeat([0, 1, 2], 20)
    p = (0.3 * folds + 0.3 * np.clip(0.3 * labels + rng.random(60), 0, 1.3) / 1.3).round(2)
    names = tuple(map(str, range(60)))
    return Predictions(("a", "b"), names, labels, np.stack([1 - p, p], 1), names, names, folds)


def test_the_area_under_the_mean_curve_of_the_folds_is_the_out_of_fold_auroc() -> None:
    run = make_folds()
    down, up = roc_points(run.labels == 1, run.probabilities[:, 1], run.folds)
    area = weighted_auroc(np.ones((1, 60)), run.labels == 1, run.probabilities[:, 1], run.folds)[0]
    assert reference.auc(down, up) == pytest.approx(area)
    assert (up[0], up[-1], down[0], down[-1]) == (0, 1, 0, 1)
    assert (np.diff(up) >= 0).all()
    across = roc_points(run.labels == 1, run.probabilities[:, 1])
    assert abs(reference.auc(*across) - area) > 0.02


def test_a_fold_of_one_class_has_no_part_in_the_mean_curve() -> None:
    positive, scores = np.array([True, False, True, True]), np.array([0.9, 0.1, 0.2, 0.3])
    down, up = roc_points(positive, scores, np.array([0, 0, 1, 1]))
    assert reference.auc(down, up) == 1.0
    apart = roc_points(np.array([True, False]), np.array([0.9, 0.1]), np.array([0, 1]))
    assert np.isnan(apart).all()  # no fold has both classes


def test_the_band_of_folds_averages_their_curves() -> None:
    run = make_folds()
    grid = np.linspace(0, 1, 101)
    curves = roc_curves(run, grid, seed=0, resamples=200)
    value = np.interp(grid, *roc_points(run.labels == 1, run.probabilities[:, 1], run.folds))
    low, high = np.quantile(curves, [0.01, 0.99], axis=0)
    assert ((low <= value + 0.05) & (value - 0.05 <= high)).all()


def test_pictures_of_folds_are_drawn() -> None:
    for data in (draw_roc(make_folds(), resamples=20), draw_precision_recall(make_folds())):
        open_png(data)
