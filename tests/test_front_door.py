"""The front door in a real browser: `make lab`, the map, a lesson, an exercise, an update."""
from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
PATIENCE = 300_000  # milliseconds, for a machine that is busy with other tests
LESSON, EXERCISE = "episode01_data_pile/01_explore_dermamnist.ipynb", "def imbalance_ratio(labels):"
WRONG = "return len(labels)"
RIGHT = "counts = np.unique(labels, return_counts=True)[1]; return counts.max() / counts.min()"
# JupyterLab's own words on the console, which say nothing of the course
THEIRS = ("favicon", "ResizeObserver", "The AudioContext", "Deprecat", "already registered")

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: make environment EXTRAS=dev")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)"),
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git"),
]


def git(folder, *arguments):
    who = ["-c", "user.name=A Learner", "-c", "user.email=a@b.c"]
    done = subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


@contextlib.contextmanager
def lab(course):
    """JupyterLab as `make lab` starts it; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, "PYTHONPATH": str(course), "COURSE_OFFLINE": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTERLAB_SETTINGS_DIR": "settings", "IPYTHONDIR": "ipython"}
    env |= {name: str(course.parent / place) for name, place in places.items()}
    env.pop("COURSE_DATA", None)
    quiet = ["--no-browser", f"--port={port}", "--IdentityProvider.token=", "--ServerApp.allow_root=True"]
    with open(course.parent / "lab.log", "w") as log:
        command = [sys.executable, "-m", "tools.lab", *quiet]
        server = subprocess.Popen(command, cwd=course, env=env, stdout=log, stderr=log)
        try:
            for _ in range(240):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api")
                    break
                assert server.poll() is None, (course.parent / "lab.log").read_text()
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:  # a kernel that does not want to go
                server.kill()


@pytest.fixture(scope="module")
def clones(tmp_path_factory):
    """An upstream, and a learner's clone of it."""
    home = tmp_path_factory.mktemp("front door")
    upstream, course = home / "upstream", home / "course"
    git(ROOT, "clone", "-q", str(ROOT), str(upstream))
    git(ROOT, "clone", "-q", str(upstream), str(course))
    made = ROOT / "data" / "synthetic"
    if made.is_dir():  # so that nobody waits for what is there already
        shutil.copytree(made, course / "data" / "synthetic")
    return upstream, course


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        chrome = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chrome
        chrome.close()


def opened(browser, address, width=1366, height=900):
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.set_default_timeout(PATIENCE)
    page.heard = []
    page.on("console", lambda said: page.heard.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.heard.append(str(error)))
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)  # which leads where `make lab` opens the browser
    page.get_by_role("heading", name="Start here").wait_for()
    return page


def cell_with(page, text):
    """The notebook cell that holds a text; JupyterLab draws cells as they come into view."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").filter(has_text=text).first
    page.locator(".jp-Notebook").hover()
    for _ in range(200):
        if cell.count() and cell.locator(".cm-content").count():
            cell.scroll_into_view_if_needed()
            return cell
        page.mouse.wheel(0, 600)
        page.wait_for_timeout(100)
    raise AssertionError(f"no cell with {text}")


def answer(page, line, mark):
    """Write a line into the exercise, run it, and wait for the verdict."""
    cell = cell_with(page, EXERCISE)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(f"{EXERCISE}\n    {line}\n\n\ncheck.imbalance_ratio(imbalance_ratio)")
    page.keyboard.press("Control+Enter")
    cell.locator(".jp-OutputArea").get_by_text(mark).wait_for()
    return cell.locator(".jp-OutputArea").inner_text()


def test_a_learner_comes_in_works_and_updates(clones, browser, tmp_path):
    upstream, course = clones
    with lab(course) as address:
        page = opened(browser, address)
        page.screenshot(path=tmp_path / "map.png")
        page.get_by_role("link", name="What is in the pile?").click()
        page.locator(".jp-Notebook").wait_for()
        page.get_by_text("(ipykernel) | Idle").first.wait_for()
        cell_with(page, EXERCISE).locator(".cm-content").click()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator(".lm-Menu-itemLabel", has_text="Run All Above Selected Cell").click()  # as the map says
        assert "✗" in answer(page, WRONG, "✗ Exercise 1")
        assert "✓" in answer(page, RIGHT, "✓ Exercise 1")
        page.screenshot(path=tmp_path / "exercise.png")
        page.keyboard.press("Control+S")
        page.wait_for_timeout(2000)
        saved = (course / "work" / LESSON).read_text(encoding="utf-8")
        assert RIGHT in saved and "virtual clinic (synthetic)" in saved and "✓ Exercise 1" in saved
        assert [error for error in page.heard if not any(own in error for own in THEIRS)] == []
        assert [url for url in page.asked if not url.startswith((address, "data:", "blob:"))] == [], "nobody was asked"
    assert git(course, "status", "--porcelain") == "", "the learner's work is no edit of the course"
    original = upstream / "episodes" / LESSON
    text = original.read_text(encoding="utf-8")
    original.write_text(text.replace("import seaborn as sns", "import seaborn as sns  # new"), encoding="utf-8")
    git(upstream, "commit", "-qam", "1.1 has changed")
    git(course, "pull", "-q")
    mine = (course / "work" / LESSON).read_text(encoding="utf-8")
    with lab(course):
        pass
    said = (course.parent / "lab.log").read_text(encoding="utf-8")
    assert "has your changes and stays; its new version is 01_explore_dermamnist.new.ipynb beside it" in said
    assert (course / "work" / LESSON).read_text(encoding="utf-8") == mine
    assert git(course, "status", "--porcelain") == ""


def test_the_map_can_be_read_on_a_phone(clones, browser, tmp_path):
    with lab(clones[1]) as address:
        page = opened(browser, address, 390, 800)
        page.screenshot(path=tmp_path / "phone.png")
        text = page.locator(".jp-MarkdownViewer .jp-RenderedMarkdown")
        assert text.bounding_box()["width"] > 300, "the page, not the list of files, has the room"
        page.get_by_role("link", name="What is in the pile?").click()
        page.locator(".jp-Notebook").wait_for()
        assert page.locator(".jp-Notebook").bounding_box()["width"] > 300
