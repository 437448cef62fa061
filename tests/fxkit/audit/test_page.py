"""Audit page: files, links, escaping, accessibility, and reproducibility."""

import json
import os
import shutil
import subprocess
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from fxkit.audit.evidence import read_evidence
from fxkit.audit.page import build_audit
from fxkit.audit.picture import collect_rows
from fxkit.audit.rules import RULES
from fxkit.data.manifest import Record
from fxkit.errors import RunError

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
VOID = {"meta", "img", "link"}
BAD = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Check that all tags close, and keep them with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def scored(make_run, write, metrics, ablation):
    """A run folder with metrics, an ablation and a data card."""
    run = make_run(extra=(Record("x", BAD, "g", "train", "", 9, 9, "ok", "g", "g"),))
    write(run / "metrics.json", metrics())
    write(run / "evaluations" / BAD.replace("/", "") / "metrics.json", metrics())
    write(run / "ablation.json", ablation(run, "no evidence"))
    figure = {"kind": "all metadata", "n_films": 212, "verdict": "no evidence"}
    figure |= {"found": {"value": 0.5, "low": 0.4, "high": 0.6}}
    write(run / "data.json", {"baseline": {"figures": [figure], "verdict": "no evidence"}, "files": []})
    return run


def test_the_page_is_self_contained_and_links_its_evidence(scored):
    text = build_audit(scored).page.read_text()
    page = Page(text)
    assert BAD not in text
    assert not page.all("script")
    (image,) = page.all("img")
    assert image["src"].startswith("data:image/png;base64,")
    assert "test films 0.90 (0.85 to 0.95)" in image["alt"]
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    for link in page.all("a"):
        target = link["href"]
        assert target[1:] in ids if target.startswith("#") else (scored / unquote(target)).is_file()
    assert set(RULES) <= ids
    for rule in RULES.values():
        assert rule.red in text.replace("&#39;", "'")


def test_every_colour_has_a_word_and_a_sign(scored):
    text = build_audit(scored).page.read_text()
    for colour, sign, word in (("green", "✓", "pass"), ("amber", "!", "caution"), ("grey", "?", "not tested")):
        assert f'class="question {colour}"' in text
        assert f"{sign}</span> {word}" in text


def test_json_and_markdown_contain_the_same_answers(scored):
    audit = build_audit(scored)
    values = json.loads((scored / "audit.json").read_text())
    assert values["verdict"]["may_be_believed"] == audit.verdict.may_be_believed
    assert [(a["key"], a["colour"]) for a in values["answers"]] == [(a.key, a.colour) for a in audit.answers]
    assert len(values["claim"]) == 44
    assert values["rules"].keys() == RULES.keys()
    text = (scored / "audit.md").read_text()
    assert all(answer.reason.replace("|", "\\|") in text for answer in audit.answers)
    assert "There is no model yet: the training did not finish." in text


def test_an_audit_is_reproducible(scored):
    build_audit(scored)
    before = [(scored / name).read_bytes() for name in ("audit.html", "audit.md", "audit.json")]
    build_audit(scored)
    assert [(scored / name).read_bytes() for name in ("audit.html", "audit.md", "audit.json")] == before


def test_metrics_without_an_interval_are_not_drawn(make_run, write, metrics):
    run = make_run()
    assert collect_rows(read_evidence(run)) == []
    assert "No metric has an interval." in build_audit(run).page.read_text()
    write(run / "metrics.json", metrics())
    write(run / "splits" / "val" / "metrics.json", metrics())
    assert [(row.name, row.marker) for row in collect_rows(read_evidence(run))] == [
        ("test films", "o"),
        ("val: not a test", "^"),
    ]


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="not a run folder"):
        build_audit(tmp_path)


class Browser:
    """Headless Chromium, controlled over a pipe by JSON messages that end with a zero byte."""

    def __init__(self, profile):
        to_child, self.to = os.pipe()
        self.got, from_child = os.pipe()
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        command += ["--remote-debugging-pipe", "about:blank"]

        def wire():
            os.dup2(os.dup(to_child), 3)
            os.dup2(os.dup(from_child), 4)

        self.process = subprocess.Popen(command, preexec_fn=wire, close_fds=False, stderr=subprocess.DEVNULL)
        os.close(to_child)
        os.close(from_child)
        self.rest, self.number, self.events, self.session = b"", 0, [], None

    def receive(self):
        while b"\0" not in self.rest:
            received = os.read(self.got, 1 << 20)
            assert received, "the browser ended"
            self.rest += received
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while (answer := self.receive()).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def value(self, script):
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"]["value"]

    def wait_for(self, event):
        while all(earlier.get("method") != event for earlier in self.events):
            self.events.append(self.receive())

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.got)


@pytest.fixture
def browser(tmp_path):
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    browser = Browser(tmp_path / "profile")
    target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
    browser.session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    yield browser
    browser.close()


def test_a_browser_shows_the_page_offline_and_by_keyboard(scored, browser):
    page = build_audit(scored).page
    for domain in ("Page", "Log", "Runtime", "Network"):
        browser.ask(f"{domain}.enable")
    browser.ask("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    browser.ask("Page.navigate", url=page.as_uri())
    browser.wait_for("Page.loadEventFired")
    bad = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Network.loadingFailed")
    assert [event for event in browser.events if event.get("method") in bad] == []
    assert browser.value("[...document.images].every(i => i.complete && i.naturalWidth > 100)")
    wanted = browser.value("[...document.querySelectorAll('a, summary')].filter(x => x.checkVisibility()).length")
    reached = 0
    browser.press("Tab", 9)
    while browser.value("document.activeElement !== document.body") and reached <= wanted:
        reached += 1
        if browser.value("document.activeElement.tagName === 'SUMMARY'"):
            browser.press("Enter", 13)
            assert browser.value("document.activeElement.parentElement.open")
            browser.press("Enter", 13)
        browser.press("Tab", 9)
    assert reached == wanted > 20
