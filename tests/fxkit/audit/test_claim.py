"""Draft of the CLAIM checklist: what a run fills in, and what is left to the authors."""

import pytest

from fxkit.audit.claim import AUTHORS, FROM_ANSWERS, FROM_RUN, PARTLY, TOPICS, draft_claim
from fxkit.audit.evidence import read_evidence
from fxkit.audit.verdict import answer_questions


@pytest.fixture
def draft(make_run, write, metrics):
    """Draft the items of a new run folder."""

    def make(scored=True, **options):
        run = make_run(**options)
        if scored:
            write(run / "metrics.json", metrics())
        evidence = read_evidence(run)
        return {item.number: item.text for item in draft_claim(evidence, answer_questions(evidence))}

    return make


def test_there_are_44_items_and_the_authors_fill_in_what_no_run_records(draft):
    items = draft()
    assert list(items) == list(range(1, 45)) == list(TOPICS)
    known = set(FROM_RUN) | set(FROM_ANSWERS)
    assert known >= PARTLY
    assert all(items[number] == AUTHORS for number in set(TOPICS) - known)


def test_items_are_filled_in_from_the_run(draft):
    items = draft()
    assert items[19] == (
        "Split by group: train 8 groups (8 films, 8 files), val 4 groups (4 films, 4 files), test 200 groups (200 "
        "films, 200 files)."
    )
    assert items[20] == "Disjoint by patient."
    assert items[22].startswith("test_")
    assert "fxkit" in items[23]
    assert items[24] == "From random weights: there was no pretraining."
    assert "Epoch 1 of phase head was kept" in items[26]
    assert items[37] == "test: AUROC 0.90 (0.85 to 0.95) by film."
    assert items[38] == "sensitivity 0.80 (0.70 to 0.90); specificity 0.80 (0.70 to 0.90)."
    assert items[39].startswith("11 of 60 films are classified wrongly")


def test_a_leaking_split_is_not_called_disjoint(draft):
    from fxkit.data.manifest import Record

    leaking = Record("x.png", "intact", "train0", "test", "x", 9, 9, "ok", "x", "train0")
    assert draft(extra=(leaking,))[20].startswith("NOT disjoint: leaking split: of 201 test files")
    assert draft(patient=False)[20] == "Disjoint by film and its copies; patients are not named."


def test_without_metrics_the_items_about_them_are_left_to_the_authors(draft):
    items = draft(scored=False)
    assert all(items[number] == AUTHORS for number in (27, 28, 29, 31, 37, 38, 39))


def test_the_training_is_described_by_its_settings(draft):
    adamw = draft(settings=("optim.epochs=[2,3]",))[25]
    assert adamw.startswith("Head: at most 2 epochs of AdamW, learning rate 0.003. Fine-tuning: at most 3 epochs of")
    probe = draft(settings=("optim.epochs=[2,0]", "optim.head=probe"))[25]
    assert "logistic regression on the frozen backbone's features, 2 views per film. Fine-tuning: none." in probe
    single = draft(settings=("optim.epochs=[1,0]", "optim.head=probe"))[25]
    assert "features, 1 view per film. Fine-tuning: none. Augmentation off;" in single
