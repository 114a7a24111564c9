"""The app in a real browser: what it shows, what it refuses, what it keeps (nothing), whom it calls (nobody)."""
from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from test_reader import PICTURE, dicom_of, film, hostile, png_of

from assistant import defaults, files, gate, reader, report

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
PATIENCE = 120_000  # milliseconds
TAGS = "<img src=x onerror=window.hacked=1>"
# everything that the server binds, connects or looks up is written down
WATCHED = """
import runpy, sys
log = open(sys.argv.pop(1), "a", buffering=1)
def note(event, values):
    if event in ("socket.connect", "socket.bind") and isinstance(values[1], tuple):
        print(event, values[1][0], file=log)
    elif event == "socket.getaddrinfo":
        print(event, values[0], file=log)
sys.addaudithook(note)
runpy.run_module("assistant.web", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with a reader that lets everything in, one with a shut gate, and one that is damaged."""
    folder = tmp_path_factory.mktemp("readers")
    images, labels = np.stack([film(k) for k in range(120)]), np.arange(120) % 2
    trained = defaults.network(images[:60], labels[:60], ("well", "ill"), turns=False, epochs=3, widths=(4, 8, 16))
    made = reader.build(trained, images[60:], labels[60:], None, gate_images=images[:60], title="test films",
                        source="the clinic <b>", accepts=files.ACCEPTS["chest"], count=60, epochs=2)  # fmt: skip
    for name, bar in (("open", np.inf), ("shut", -np.inf)):
        replace(made, gate=gate.Gate(made.gate.model, made.gate.known, np.array([bar]))).save(folder / f"{name}.pt")
    (folder / "broken.pt").write_bytes(b"no reader")
    with contextlib.suppress(OSError):  # Windows
        (folder / "nowhere.pt").symlink_to(folder / "gone")
    return folder


# ---------------------------------------------------------------------------- the report, without a page


def finding(probabilities, plausible, **more):
    said = {"declined": "", "facts": {"kind": "PNG", "identity": "none"}, "classes": ("well", TAGS),
            "versions": {"course": "1", "torch": "2", "code": "3", "reader": TAGS, "trained on": TAGS},
            "prior": np.array([0.5, 0.5]), "probabilities": np.array(probabilities), "plausible": plausible,
            "image": PICTURE, "overlay": np.zeros(PICTURE.shape, np.float32)}  # fmt: skip
    return reader.Finding(**said | more)


@pytest.mark.parametrize(("plausible", "words"), [((), "not answered"), (("well",), "only one in the 90 % set"),
                                                  (("well", TAGS), "Undecided")])  # fmt: skip
def test_the_headline_says_how_sure_it_is(plausible, words):
    said = report.headline(finding([0.8, 0.2], plausible))
    assert "well is the likeliest class, at 80%" in said and words in said
    three = finding([0.5, 0.4, 0.1], ("a", "b"), classes=("a", "b", "c"), prior=np.ones(3) / 3)
    assert "a, b are all in the 90 % set" in report.headline(three)


def test_what_is_declined_looks_unlike_a_finding_and_tags_are_text():
    found = finding([0.8, 0.2], ("well",))
    declined = replace(found, declined=f"{TAGS} is declined.", probabilities=None, overlay=None)
    shown, refused = report.article(TAGS, found), report.article(TAGS, declined)
    assert 'class="found"' in shown and 'class="declined"' in refused
    assert 'class="open"' in report.article(TAGS, replace(found, plausible=()))
    assert "unusual image" in report.article(TAGS, replace(found, plausible=()))
    assert "undecided" in report.article(TAGS, replace(found, plausible=found.classes))
    assert "threshold of its own" in report.article(TAGS, replace(found, plausible=(TAGS,)))
    assert "threshold of its own" not in shown
    assert "bar" in shown and "range" in shown and "bar" not in refused and "range" not in refused
    page = report.page_of([(TAGS, found), ("a\u202eb\x00.dcm", declined)], TAGS, left=3)
    assert TAGS not in page and "&lt;img src=x" in page and "a?b?.dcm" in page and "3 more" in page
    assert "not a medical device" in page and TAGS not in report.refusal(TAGS)


def test_a_picture_is_made_small():
    assert report.smaller(np.zeros((1000, 10), np.uint8), 100).shape == (100, 1)


# ---------------------------------------------------------------------------- without its extra


@pytest.mark.parametrize("name", ["assistant.web", "__main__"])
def test_without_gradio_it_says_what_to_do(name):
    code = f"import runpy, sys; sys.modules['gradio'] = None; runpy.run_module('assistant.web', run_name={name!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode and done.stderr.strip().endswith("run make environment EXTRAS=assistant once.")


# ---------------------------------------------------------------------------- the server


class App:
    """A running app: its address, its process, the folder in which it makes its own."""

    def __init__(self, url, process, temporary, log):
        self.url, self.process, self.temporary, self.log = url, process, temporary, log

    def uploads(self):
        """What lies in its folder of uploads."""
        return list(self.temporary.glob("course-assistant-*/uploads/*"))

    def memory(self):
        return psutil.Process(self.process.pid).memory_info().rss

    def call(self, path, body=None, kind="application/json"):
        request = urllib.request.Request(f"{self.url}gradio_api/{path}", body, {"Content-Type": kind})
        return urllib.request.urlopen(request, timeout=120)

    def upload(self, raw, name="film.png"):
        head = f'--cut\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        path = json.load(self.call("upload", head + raw + b"\r\n--cut--\r\n", "multipart/form-data; boundary=cut"))[0]
        return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    def ask(self, uploads, who="open.pt", session=None):
        """What the page's own event answers, as HTML."""
        config = json.load(urllib.request.urlopen(f"{self.url}config"))
        drop = next(each["id"] for each in config["components"] if each["type"] == "file")
        (number,) = (each["id"] for each in config["dependencies"] if [drop, "upload"] in each["targets"])
        session = session or uuid.uuid4().hex
        body = {"data": [who, uploads], "fn_index": number, "session_hash": session}
        self.call("queue/join", json.dumps(body).encode()).read()
        for line in self.call(f"queue/data?session_hash={session}"):
            if b'"process_completed"' in line:
                told = json.loads(line.removeprefix(b"data: "))
                assert told["success"], told
                return told["output"]["data"][0]
        raise AssertionError("the app hung up")


@contextlib.contextmanager
def running(kept, home, **environment):
    pytest.importorskip("gradio", reason="needs gradio: make environment EXTRAS=assistant")
    (home / "temporary").mkdir()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
           "TMPDIR": str(home / "temporary"), "COURSE_OFFLINE": "1", "OMP_NUM_THREADS": "1", **environment}  # fmt: skip
    command = [sys.executable, "-c", WATCHED, str(home / "log"), "--folder", str(kept), "--reader", "open.pt",
               "--no-browser"]  # fmt: skip
    with open(home / "said", "w") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=said, stderr=said)
        try:
            for _ in range(600):
                if found := re.search(r"http://127\.0\.0\.1:\d+/", (home / "said").read_text()):
                    break
                assert process.poll() is None, (home / "said").read_text()
                time.sleep(0.2)
            yield App(found[0], process, home / "temporary", home / "log")
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()
    said = (home / "said").read_text()  # gradio writes down that it refused a path, and nothing else goes wrong
    assert said.count("Traceback") == said.count("InvalidPathError: Cannot move"), said


@pytest.fixture(scope="module")
def app(kept, tmp_path_factory):
    home = tmp_path_factory.mktemp("app")
    with running(kept, home) as started:
        yield started
    assert list((home / "temporary").iterdir()) == [], "the folder of uploads goes with the app"
    told = (home / "log").read_text().split("\n")
    assert told and {line.split(" ")[-1] for line in told if line} <= {"127.0.0.1", "localhost", "::1"}, set(told)


def test_two_hundred_uploads_leave_no_memory_and_no_file(app):
    raw = dicom_of(film(3, 512))
    for _ in range(20):  # what libraries keep for good
        app.ask([app.upload(raw, "film.dcm")])
    before = app.memory()
    for k in range(200):
        assert "likeliest class" in app.ask([app.upload(raw, f"{k}.dcm")])
        assert app.uploads() == []
    print(f"{(app.memory() - before) / (1 << 20):.1f} MiB more after 200 uploads")
    assert app.memory() - before < 50 << 20


def test_twenty_at_once_are_answered_though_they_send_the_same_file(app):
    answers = []

    def one():
        answers.append(app.ask([app.upload(png_of(PICTURE))]))

    threads = [threading.Thread(target=one) for _ in range(20)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(answers) == 20 and all("likeliest class" in answer for answer in answers) and app.uploads() == []


def test_odd_questions_get_a_sentence(app):
    given = app.upload(png_of(PICTURE))
    assert "broken.pt is no reader" in app.ask([given], "broken.pt") and app.uploads() == []
    assert "There is no reader ../x" in app.ask([], "../x")
    assert "There is no reader nowhere.pt" in app.ask([app.upload(png_of(PICTURE))], "nowhere.pt")
    many = app.ask([app.upload(png_of(PICTURE)) for _ in range(22)])
    assert many.count("<article") == 20 and "2 more were not read" in many and app.uploads() == []
    with pytest.raises(AssertionError):  # a file of this computer that nobody uploaded
        app.ask([{"path": str(ROOT / "README.md"), "orig_name": "x", "meta": {"_type": "gradio.FileData"}}])
    assert (ROOT / "README.md").is_file()


def test_no_other_site_may_ask_and_nothing_is_fetched(app):
    def status(path, body=None, **headers):
        request = urllib.request.Request(f"{app.url}{path}", body, headers)
        with contextlib.suppress(urllib.error.HTTPError):
            return urllib.request.urlopen(request, timeout=60).status
        return "refused"

    own = app.url.removesuffix("/")
    assert status("config") == status("config", Origin=own) == 200
    assert status("config", Host="evil.example") == status("config", Origin="http://evil.example") == "refused"
    assert status("config", Origin="null") == status("config", Origin="http://[x") == "refused"
    assert status("config", Origin="http://127.0.0.1:1") == "refused"
    form = {"Content-Type": "multipart/form-data; boundary=cut", "Origin": "http://evil.example"}
    sent = b'--cut\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\nx\r\n--cut--\r\n'
    assert status("gradio_api/upload", sent, **form) == "refused" and app.uploads() == []
    for address in ("http://192.0.2.1/x.png", "https://example.org/x"):  # the fixture `app` knows whom it called
        assert status(f"gradio_api/file={address}") == "refused"
        with pytest.raises(AssertionError):
            app.ask([{"path": address, "orig_name": "x", "meta": {"_type": "gradio.FileData"}}])
    assert app.uploads() == []


def test_an_app_that_slept_is_not_swept_away(tmp_path):
    pytest.importorskip("gradio", reason="needs gradio: make environment EXTRAS=assistant")
    from assistant import spool, web

    asleep, mine = tmp_path / f"{web.FOLDER}asleep", tmp_path / f"{web.FOLDER}mine"
    asleep.mkdir()
    lock = spool.held(asleep / "lock")
    os.utime(asleep, (0, 0))
    if os.name == "posix":  # a trap: whoever opens this lock to write empties somebody's file
        trap, precious = tmp_path / f"{web.FOLDER}trap", tmp_path / "precious"
        precious.write_text("kept")
        trap.mkdir()
        (trap / "lock").symlink_to(precious)
        os.utime(trap, (0, 0))
    web.swept(mine)  # a cleaner took this one: it is made again
    assert asleep.is_dir() and (mine / "uploads").is_dir()
    lock.close()
    web.swept(mine)
    assert not asleep.exists() and (os.name != "posix" or precious.read_text() == "kept")


def test_what_keeps_the_app_from_starting_is_one_sentence(kept, capsys):
    pytest.importorskip("gradio", reason="needs gradio: make environment EXTRAS=assistant")
    from assistant import web

    with pytest.raises(SystemExit):
        web.main(["--port", "99999"])
    assert "99999 is no port" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="broken.pt is no reader"):
        web.main(["--folder", str(kept), "--reader", "broken.pt"])


def test_what_a_killed_app_left_is_removed_by_the_next(kept, tmp_path):
    with running(kept, tmp_path) as started:
        from assistant import web

        started.upload(b"never asked about")
        assert len(started.uploads()) == 1
        started.process.send_signal(signal.SIGKILL)
        started.process.wait()
        (left,) = started.temporary.iterdir()
        mine = started.temporary / f"{web.FOLDER}mine"
        for name in ("old", "new"):
            (mine / "uploads" / name).mkdir(parents=True)
        for old in (left, mine / "uploads" / "old"):
            os.utime(old, (0, 0))
        web.swept(mine)
        assert [path.name for path in started.uploads()] == ["new"]


# ---------------------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: make environment EXTRAS=dev")
    if CHROMIUM is None:
        pytest.skip("needs Chromium (Debian: chromium)")
    with sync_api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(params=[1280])
def page(app, browser, request):
    shown = browser.new_page(viewport={"width": request.param, "height": 900})
    shown.set_default_timeout(PATIENCE)
    errors, foreign = [], []
    shown.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    shown.on("pageerror", lambda error: errors.append(str(error)))
    near = (app.url, "data:", f"blob:{app.url}")
    shown.on("request", lambda asked: None if asked.url.startswith(near) else foreign.append(asked.url))
    shown.goto(app.url)
    shown.wait_for_selector("#who h1")
    yield shown
    assert not shown.evaluate("window.hacked"), "something in a file was obeyed"
    shown.close()
    assert errors == [] and foreign == []


def give(page, **named):
    """Drop files, by name; waits for the answer to them."""
    page.evaluate("document.querySelector('#answer .report')?.setAttribute('data-old', 1)")
    given = [{"name": name, "mimeType": "", "buffer": raw} for name, raw in named.items()]
    page.locator("#drop input[type=file]").set_input_files(given)
    page.wait_for_selector("#answer .report:not([data-old])")
    assert page.locator("#drop input[type=file]").count() == 1
    return page.locator("#answer")


@pytest.mark.parametrize("page", [1280, 390], indirect=True)
def test_each_kind_is_read_and_the_page_fits(page, app):
    assert "Your reader open.pt: test films" in page.locator("#who p").first.inner_text()
    assert "not a medical device" in page.locator("#who").inner_text()
    for name, raw in (("a.dcm", dicom_of(PICTURE)), ("a.png", png_of(PICTURE)), ("a.jpg", png_of(PICTURE, "JPEG"))):
        said = give(page, **{name: raw}).inner_text()
        assert name in said and "likeliest class" in said and "90 % set" in said and "not a medical device" in said
        assert app.uploads() == []
    slider, picture = page.locator("#answer input[type=range]"), page.locator("#answer .map")
    assert picture.evaluate("image => getComputedStyle(image).opacity") == "0.4"
    slider.fill("20")
    assert picture.evaluate("image => getComputedStyle(image).opacity") == "0.2"
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_three_at_once_with_a_wrong_kind_and_a_broken_file(page, app):
    raw = dicom_of(PICTURE, PatientName=TAGS, StudyDescription=TAGS)
    answer = give(page, **{f"{TAGS}.dcm": raw, "${1} {{x}}.html": b"<html>", "cut.png": png_of(PICTURE)[:200]})
    assert answer.locator("article:not(.declined)").count() == 1 and answer.locator("article.declined").count() == 2
    assert answer.locator("table tr").count() == 4 and f"{TAGS}.dcm" in answer.inner_text()
    assert "web page" in answer.inner_text() and "damaged" in answer.inner_text() and app.uploads() == []
    assert "${1} {{x}}.html" in answer.inner_text() and answer.locator("img[src=x]").count() == 0


def test_tags_in_every_text_of_a_header_are_text(page):
    texts = {"ViewPosition": TAGS, "BodyPartExamined": TAGS, "Modality": TAGS}
    for tag in texts:
        answer = give(page, **{"film.dcm": dicom_of(PICTURE, **{tag: TAGS})})
        assert TAGS[:8].upper() in answer.inner_text() and answer.locator("img[src]").count() == 0
        assert answer.locator("article.declined").count() == 1


def test_the_report_is_one_file_that_opens_elsewhere(page, browser, tmp_path):
    give(page, **{f"{TAGS}.png": png_of(PICTURE), "not.dcm": b"no"})
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the report").click()
    download.value.save_as(tmp_path / "report.html")
    saved = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "http:" not in saved and "https:" not in saved and "@media print" in saved
    opened, asked, errors = browser.new_page(), [], []
    opened.on("request", lambda request: asked.append(request.url[:5]))
    opened.on("console", lambda said: errors.append(said.text))
    opened.goto((tmp_path / "report.html").as_uri())
    assert opened.locator("article").count() == 2 and f"{TAGS}.png" in opened.inner_text("body")
    opened.locator("input[type=range]").fill("0")
    assert opened.locator(".map").evaluate("image => getComputedStyle(image).opacity") == "0"
    opened.emulate_media(media="print")
    assert not opened.locator("input[type=range]").is_visible()
    assert not opened.evaluate("window.hacked") and set(asked) <= {"file:", "data:"} and errors == []
    opened.close()


def test_the_keyboard_is_enough(page, tmp_path):
    (tmp_path / "a film.png").write_bytes(png_of(PICTURE))

    def tab_to(what):
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches({what!r})"):
                return
        raise AssertionError(f"Tab never comes to {what}")

    # listened for early: Chromium takes a while to learn that there will be no window to choose a file in
    page.on("filechooser", lambda chooser: chooser.set_files(tmp_path / "a film.png"))
    tab_to("#drop button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer article:not(.declined)")
    page.keyboard.press("Escape")
    tab_to("#answer input[type=range]")
    page.keyboard.press("ArrowRight")
    assert page.locator("#answer .map").evaluate("image => getComputedStyle(image).opacity") == "0.41"
    tab_to("#save")
    with page.expect_download():
        page.keyboard.press("Enter")


def test_another_reader_is_chosen_and_an_example_is_one_click_away(page, kept):
    page.get_by_role("button", name="no medical image").click()
    page.wait_for_selector("#answer article")
    shutil.copy(kept / "shut.pt", kept / "new.pt")  # saved while the app runs
    page.reload()
    page.wait_for_selector("#who h1")
    page.wait_for_timeout(500)
    page.get_by_label("Who reads").click()
    page.get_by_role("option", name="new.pt").click()
    page.wait_for_function("document.querySelector('#who').innerText.includes('new.pt')")
    assert "the clinic <b>" in page.inner_text("#who")
    page.get_by_role("button", name="no medical image").click()
    page.wait_for_selector("#answer article.declined")
    assert "nobody has read this image" in page.inner_text("#answer") and page.locator("#answer .bar").count() == 0


@pytest.mark.parametrize("page", [1280, 390], indirect=True)
def test_axe_finds_nothing_serious(page):
    places = [ROOT / "node_modules", Path.cwd() / "node_modules", Path(os.environ.get("NODE_PATH", "nowhere"))]
    found = [place / "axe-core" / "axe.min.js" for place in places if (place / "axe-core" / "axe.min.js").is_file()]
    if not found:
        pytest.skip("needs axe-core: npm install --no-save axe-core")
    give(page, **{"a.dcm": dicom_of(PICTURE), "b.png": png_of(PICTURE)[:200]})
    page.evaluate(found[0].read_text(encoding="utf-8"))
    bad = page.evaluate("axe.run().then(found => found.violations.map(each => "
                        "[each.impact, each.id, each.nodes.map(node => node.html.slice(0, 200)).join()]))")  # fmt: skip
    assert [each for each in bad if each[0] in ("serious", "critical")] == []


def test_a_file_that_is_too_large_is_refused_and_the_next_one_read(app, page):
    with pytest.raises(urllib.error.HTTPError, match="413"):
        app.upload(bytes((64 << 20) + 1))
    assert app.uploads() == []
    assert "likeliest class" in give(page, **{"a.png": png_of(PICTURE)}).inner_text()


def test_hostile_files_through_the_page(app, page):
    every = list(hostile().items())
    give(page, **{f"first {name}": raw for name, raw in every[:20]})
    before, articles = app.memory(), 0
    for k in range(0, len(every), 20):
        articles += give(page, **dict(every[k : k + 20])).locator("article").count()
        assert app.uploads() == []
    print(f"{(app.memory() - before) / (1 << 20):.1f} MiB more after 200 hostile files")
    assert articles == len(every) == 200 and app.memory() - before < 50 << 20
    assert "likeliest class" in give(page, **{"a.png": png_of(PICTURE)}).inner_text()
