"""Questions about the score: which evidence gives which colour."""

import pytest

UNSEEN = {"files": 0, "films": 0, "pixels_compared": True, "n_files": 60}


@pytest.fixture
def scored(make_run, write, metrics):
    """Write a run folder with this AUROC and these entries in its metrics.json."""

    def make(auroc=(0.9, 0.85, 0.95), **entries):
        run = make_run()
        write(run / "metrics.json", metrics(auroc, **entries))
        return run

    return make


@pytest.mark.parametrize("key", ["score", "markers", "calibration", "external", "subgroups"])
def test_a_question_without_evidence_is_grey_and_names_a_command(make_run, ask, key):
    answer = ask(key, make_run())
    assert answer.colour == "grey"
    assert answer.command.startswith("fxkit ")


@pytest.mark.parametrize(
    ("auroc", "colour"),
    [
        ((0.9, 0.85, 0.95), "green"),
        ((0.7, 0.55, 0.8), "amber"),
        ((0.6, 0.49, 0.7), "red"),
        ((0.6, None, None), "amber"),
    ],
)
def test_the_interval_of_the_score_gives_the_colour(scored, ask, auroc, colour):
    assert ask("score", scored(auroc)).colour == colour


def make_calibration(error, slope=(1.0, 0.8, 1.2), large=(0.0, -0.2, 0.2)):
    names = {"error": error, "slope": slope, "intercept": large}
    intervals = {name: dict(zip(("value", "low", "high"), ends, strict=True)) for name, ends in names.items()}
    return {"calibration": {"film": {"of": "fractured", "ece": 0.1, "bins": [], **intervals}}}


@pytest.mark.parametrize(
    ("entries", "colour", "reason"),
    [
        (make_calibration((0.02, 0.0, 0.08)), "green", "which rules out an error above 0.1"),
        (make_calibration((0.02, 0.0, 0.3)), "amber", "an error above 0.1 cannot be ruled out"),
        (
            make_calibration((0.02, 0.0, 0.08), slope=(0.5, 0.4, 0.6)),
            "amber",
            "the interval of the calibration slope does not contain the ideal value",
        ),
        (
            make_calibration((0.02, 0.0, 0.08), large=(None, None, None)),
            "amber",
            "in the large cannot be estimated",
        ),
        (make_calibration((0.2, 0.12, 0.3)), "red", "clearly above 0.1"),
    ],
)
def test_the_calibration_intervals_give_the_colour(scored, ask, entries, colour, reason):
    answer = ask("calibration", scored(**entries))
    assert answer.colour == colour
    assert reason in answer.reason


@pytest.mark.parametrize(
    ("auroc", "fewest", "colour"),
    [
        ((0.88, 0.82, 0.94), 150, "green"),
        ((0.85, 0.75, 0.92), 150, "amber"),
        ((0.88, 0.82, 0.94), 20, "amber"),
        ((0.75, 0.7, 0.8), 150, "red"),
        ((0.6, 0.4, 0.9), 20, "red"),
        ((None, None, None), 20, "amber"),
    ],
)
def test_the_score_on_other_data_is_compared_with_the_score_on_own_films(
    scored, ask, write, metrics, auroc, fewest, colour
):
    run = scored()
    write(run / "evaluations" / "east" / "metrics.json", metrics(auroc, fewest, overlap=UNSEEN))
    answer = ask("external", run)
    assert answer.colour == colour
    assert answer.reason.startswith("On east, the AUROC is ")


def test_the_worst_of_several_data_sets_counts(scored, ask, write, metrics):
    run = scored()
    for name, auroc in (("east", (0.9, 0.85, 0.95)), ("west", (0.7, 0.6, 0.8))):
        write(run / "evaluations" / name / "metrics.json", metrics(auroc))
    answer = ask("external", run)
    assert (answer.colour, answer.reason[:8]) == ("red", "On west,")


def test_data_that_training_has_seen_do_not_count(scored, ask, write, metrics):
    run = scored()
    write(run / "evaluations" / "twin" / "metrics.json", metrics(overlap={"files": 3, "films": 3}))
    answer = ask("external", run)
    assert (answer.colour, answer.reason) == ("grey", "Training has seen films or patients of twin.")


@pytest.mark.parametrize(
    ("overlap", "colour", "reason"),
    [
        ({"copies": 2, "copied_films": 1}, "grey", "Training has seen films or patients of twin."),
        ({"patient_files": 2, "patients": 1}, "grey", "Training has seen films or patients of twin."),
        ({"test_files": 50}, "grey", "The films of twin are the run's own test films, so they are not other data."),
        ({"test_files": 5}, "green", "ruled out."),
        ({"pixels_compared": False}, "amber", "if need be with --trained-on FOLDER."),
        ({"nameless_files": 60}, "green", "among these films is unknown: 60 of 60 files name no patient."),
    ],
)
def test_other_data_must_be_new_by_pixels_and_patients(scored, ask, write, metrics, overlap, colour, reason):
    run = scored()
    write(run / "evaluations" / "twin" / "metrics.json", metrics(overlap=UNSEEN | overlap))
    answer = ask("external", run)
    assert answer.colour == colour
    assert answer.reason.endswith(reason)


def make_part(value, gap, few=False):
    figures = {"auroc": {"value": 0.8, "low": 0.7, "high": 0.9}}
    gaps = {"auroc": dict(zip(("value", "low", "high"), gap, strict=True))}
    return {"attribute": "site", "value": value, "n_films": 60, "n_groups": 60, "few": few} | {
        "figures": figures,
        "gaps": gaps,
    }


@pytest.mark.parametrize(
    ("parts", "colour"),
    [
        ([make_part("a", (0.0, -0.1, 0.1)), make_part("b", (0.0, -0.1, 0.1))], "green"),
        ([make_part("a", (0.0, -0.3, 0.3))], "amber"),
        ([make_part("a", (0.0, -0.1, 0.1), few=True)], "amber"),
        ([make_part("a", (-0.08, -0.12, -0.04))], "amber"),
        ([make_part("a", (-0.3, -0.4, -0.2))], "red"),
        ([make_part("a", (-0.3, -0.4, -0.2), few=True)], "amber"),
        ([make_part("a", (None, None, None))], "amber"),
    ],
)
def test_the_gaps_of_subgroups_give_the_colour(scored, ask, parts, colour):
    answer = ask("subgroups", scored(subgroups=parts, multiplicity="of 2 gaps none"))
    assert answer.colour == colour
    assert ("by chance", "of 2 gaps none") in answer.facts
