import pytest

from fxkit.audit.claim import AUTHORS, FROM_ANSWERS, FROM_RUN, PARTLY, TOPICS, draft_claim
from fxkit.audit.evidence import read_evidence
from fxkit.audit.verdict import ask_all


@pytest.fixture
def draft(make_run, write, metrics):
    """Drafts the items of a made run."""

    def make(scored=True, **how):
        run = make_run(**how)
        if scored:
            write(run / "metrics.json", metrics())
        e = read_evidence(run)
        return {item.number: item.text for item in draft_claim(e, ask_all(e))}

    return make


def test_there_are_44_items_and_what_only_people_know_is_left_to_them(draft):
    items = draft()
    assert list(items) == list(range(1, 45)) == list(TOPICS)
    known = set(FROM_RUN) | set(FROM_ANSWERS)
    assert known >= PARTLY
    assert all(items[number] == AUTHORS for number in set(TOPICS) - known)


def test_what_the_run_knows_is_told(draft):
    items = draft()
    assert items[19] == (
        "By group: train 8 groups (8 films, 8 files), val 4 groups (4 films, 4 files), test 200 groups (200 films, 200 "
        "files)."
    )
    assert items[20] == "Disjoint by patient."
    assert items[22].startswith("test_")
    assert "fxkit" in items[23]
    assert items[24] == "From nothing: all weights were drawn by lot."
    assert "Epoch 1 of phase head was kept" in items[26]
    assert items[37] == "test: AUROC 0.90 (0.85 to 0.95) by film."
    assert items[38] == "sensitivity 0.80 (0.70 to 0.90); specificity 0.80 (0.70 to 0.90)."
    assert items[39].startswith("11 of 60 films are decided wrongly")


def test_a_leak_is_not_called_disjoint(draft, make_run):
    from fxkit.data.manifest import Record

    leaking = Record("x.png", "intact", "train0", "test", "x", 9, 9, "ok", "x", "train0")
    assert draft(more=(leaking,))[20].startswith("NOT disjoint: leaking split: of 201 test files")
    assert draft(patient=False)[20] == "Disjoint by film and its copies; patients are not named."


def test_what_was_not_measured_is_left_open(draft):
    items = draft(scored=False)
    assert all(items[number] == AUTHORS for number in (27, 28, 29, 31, 37, 38, 39))


def test_the_training_is_told_as_it_was(draft):
    adamw = draft(settings=("optim.epochs=[2,3]",))[25]
    assert adamw.startswith("Head: 2 epochs of AdamW at most, learning rate 0.003. Fine-tuning: 3 epochs of AdamW")
    probe = draft(settings=("optim.epochs=[2,0]", "optim.head=probe"))[25]
    assert "logistic regression on the frozen backbone's features, 2 views a film. Fine-tuning: none." in probe
    single = draft(settings=("optim.epochs=[1,0]", "optim.head=probe"))[25]
    assert "features, 1 view a film. Fine-tuning: none. Augmentation off;" in single
