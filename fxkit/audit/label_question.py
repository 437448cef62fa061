"""Question about the labels: how many films are suspected to have a wrong one, and what a person found."""

from dataclasses import replace

from fxkit.audit.evidence import Evidence
from fxkit.audit.rules import FEW_WRONG, MANY_WRONG, Answer
from fxkit.data.manifest import manifest_hash, usable
from fxkit.report.label_check import FILE, LabelCheck, read_label_check


def ask_labels(evidence: Evidence) -> Answer:
    """Ask how many labels are probably wrong."""
    answer, folder = Answer("labels", "How clean are the labels?", "grey", ""), evidence.run.folder
    check, command = read_label_check(folder), f"fxkit label-errors {evidence.quoted_folder}"
    if evidence.source and not evidence.source.are_probabilities:
        return replace(answer, reason="The scores are no probabilities, so they do not show which labels may be wrong.")
    if check is None:
        return replace(answer, reason="No suspected label errors were searched for.", command=command)
    n_corrected = len({r.film for r in usable(evidence.run.records) if r.given_label})
    facts = (
        ("films checked", f"{check.n_films} ({check.kind})"),
        ("suspected label errors", _share(check.n_suspected, check.n_films)),
        ("of them judged by a person", str(check.n_judged)),
        ("labels called wrong, not yet replaced", str(check.n_accepted)),
        ("films whose label was replaced by a verdict before", str(n_corrected)),
    )
    answer = replace(answer, facts=facts, files=(folder / FILE,))
    if check.sha256 != manifest_hash(evidence.run.records):
        return replace(answer, reason="The search for label errors was made on another manifest.", command=command)
    again = f"{evidence.evaluate_command} --overwrite   # with the right classes in the table"
    correct = again if evidence.source else "fxkit index DATA --labels verdicts.csv"
    return _judge(answer, check, command, correct)


def _judge(answer: Answer, check: LabelCheck, command: str, correct: str) -> Answer:
    """Return the answer with the colour of the rule.

    Args:
        command: command that searches for label errors.
        correct: command that makes the results with corrected labels.
    """
    suspected, wrong = check.n_suspected / check.n_films, check.n_accepted / check.n_films
    verdicts = f"{command} --verdicts verdicts.csv"
    found = f"A person called {_share(check.n_accepted, check.n_films)} labels wrong"
    if wrong > MANY_WRONG:
        reason = f"{found}, and they were not replaced."
        return replace(answer, colour="red", reason=reason, command=correct)
    if suspected > FEW_WRONG and check.n_judged < check.n_suspected:
        reason = (
            f"{_share(check.n_suspected, check.n_films)} films are suspected to have a wrong label. A model suspects "
            f"hard films, too; {check.n_suspected - check.n_judged} of them were not looked at."
        )
        return replace(answer, colour="amber", reason=reason, command=verdicts)
    if wrong > FEW_WRONG:
        reason = f"{found}, and they were not replaced."
        return replace(answer, colour="amber", reason=reason, command=correct)
    seen = "was" if check.n_suspected == 1 else "were"
    looked = f"{_share(check.n_suspected, check.n_films)} films {seen} suspected to have a wrong label"
    judged = f", and a person called {check.n_accepted} of them wrong" if check.n_judged else ""
    return replace(answer, colour="green", reason=f"No sign of many wrong labels: {looked}{judged}.")


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)"
