"""The assistant in a browser: `make assistant`. Drop an image, get a finding; nothing is kept and nothing leaves.

An upload lands in a folder of the app's own, is read once and removed before the answer is written; what nobody asked
about is removed after ten minutes, the folder at the end. This is teaching material and no medical device.
"""
from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from assistant import defaults, reader, report, spool
from utils import datasets

if TYPE_CHECKING:
    import gradio as gr

NEEDS = "The app needs gradio, which the course itself does not: run make environment EXTRAS=assistant once."
if importlib.util.find_spec("gradio") is None:  # it is imported where it is used, once it knows where to write
    if __name__ == "__main__":
        sys.exit(NEEDS)
    raise ImportError(NEEDS)

MOST_FILES, MOST_BYTES = 20, 64 << 20  # at once; of each
OLD = 600  # seconds after which an upload that nobody asked about is removed
KEEPS = ("chest-chest_xray-", "chest-pneumoniamnist_64-", "skin-dermamnist-")  # how files of the defaults begin
FOLDER = "course-assistant-"  # how folders of uploads are called, in the system's temporary folder
HERE = ("127.0.0.1", "localhost")  # the names under which the page is served
# in paths of requests: gradio's ways to files, addresses and more, which this page does not need
BARRED = ("/file=", "/file/", "/proxy=", "/stream/", "/process_recording", "/vibe", "/monitoring", "/custom_component",
          "/component_server", "/deep_link")  # fmt: skip
HEAD = Path(__file__).with_name("page.html").read_text(encoding="utf-8")  # the page's own style and script


class Example(NamedTuple):
    """What is written on the button, the file's name, its bytes; what the archive says that it shows."""

    label: str
    name: str
    raw: bytes
    truth: str = ""


# ---------------------------------------------------------------------------- who reads, and what there is to try


class Desk:
    """The readers to choose from, by name: the defaults and saved ones; each is loaded when it is first asked.

    Args:
        folder: where saved readers (`Reader.save`, *.pt) lie.
        first: the one that is chosen at the beginning: "chest", "skin", or the name of a file in `folder`.
    """

    def __init__(self, folder: Path, first: str = "chest"):
        self.folder, self.first, self.lock = folder, first, threading.Lock()
        self._loaded: dict[str, tuple[float, reader.Reader]] = {}

    def names(self) -> list[str]:
        """The defaults, then the files of the folder; files that the defaults keep for themselves are left out."""
        saved = sorted(file.name for file in self.folder.glob("*.pt") if file.is_file())
        return [*defaults.DEFAULTS, *(name for name in saved if not name.startswith(KEEPS))]

    def reader(self, name: str) -> reader.Reader:
        """Raises ReaderError, or DataError where a default finds no images."""
        if name not in self.names():
            raise reader.ReaderError(f"There is no reader {name}: choose one of {', '.join(self.names())}.")
        with self.lock:
            changed = 0.0 if name in defaults.DEFAULTS else (self.folder / name).stat().st_mtime
            if self._loaded.get(name, (None,))[0] != changed:
                made = reader.default(name) if name in defaults.DEFAULTS else reader.Reader.load(self.folder / name)
                self._loaded[name] = changed, made
            return self._loaded[name][1]

    def who(self, name: str) -> str:
        """Which reader this is, and whether it learnt from generated images: one sentence. Raises as `reader` does."""
        made = self.reader(name)
        own = "The course's own reader" if name in defaults.DEFAULTS else f"Your reader {name}"
        if "generated" in made.title or "synthetic" in made.source:
            return f"{own}: {made.title}; it learnt from GENERATED images and has never seen a patient's."
        real = "images of patients, none generated" if name in defaults.DEFAULTS else made.source
        return f"{own}: {made.title}; it learnt from {real}."

    def head(self, name: str) -> str:
        """The page's first lines, as HTML."""
        try:
            who, source = self.who(name), self.reader(name).source
        except (reader.ReaderError, datasets.DataError) as error:
            who, source = f"No reader. {error}", ""
        return (f"<p><strong>{report.text(who)}</strong></p><h1>The course's assistant</h1><p>{report.text(source)}</p>"
                f"<p><strong>{report.text(report.DEVICE)}</strong> What you drop here is removed as soon as "
                "it is read, and nothing leaves this computer.</p>")  # fmt: skip

    @functools.lru_cache(8)  # noqa: B019 (one desk a process)
    def examples(self, name: str) -> list[Example]:
        """Images that the reader did not learn from, one of each of two classes, and one that is no such image."""
        made = [Example("Example: no medical image", "letter.png", _encoded(_letter()))]
        with contextlib.suppress(datasets.DataError, OSError, IndexError):
            found = _chest_films() if name == "chest" else _lesions() if name == "skin" else []
            made = [*(Example(f"Example: labelled {label}", f"{label}.png", _encoded(image), label)
                      for label, image in found),
                    *(Example("Example: as DICOM", "film.dcm", _dicom(image), label) for label, image in found[-1:]
                      if name == "chest"), *made]  # fmt: skip
        return made


def _encoded(image: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def _letter() -> np.ndarray:
    page = Image.new("L", (300, 400), 255)
    ImageDraw.Draw(page).text((30, 40), "\n\n".join(["Dear colleague,", "this is a letter", "and no film."]), 0)
    return np.asarray(page)


def _chest_films() -> list[tuple[str, np.ndarray]]:
    """A healthy and an ill child of the folder `test`, or MedMNIST's test part."""
    place = defaults.chest_place()
    if place.card is defaults.MEDMNIST64:
        return _of_each(place.card.reader(place), (0, 1))
    films = {kind: sorted((place.paths[0] / "test" / kind).glob("*.jp*g")) for kind in ("NORMAL", "PNEUMONIA")}
    return [(kind.lower(), np.asarray(Image.open(each[len(each) // 2]).convert("L"))) for kind, each in films.items()]


def _lesions() -> list[tuple[str, np.ndarray]]:
    pile = datasets.load("dermamnist")
    return _of_each(pile, [k for k, label in enumerate(pile.classes) if label.startswith(("mel", "nv"))])


def _of_each(pile: datasets.Images, labels: Sequence[int]) -> list[tuple[str, np.ndarray]]:
    rows = [int(np.flatnonzero(pile.test.labels == label)[0]) for label in labels]
    return [(pile.classes[label], pile.test.images[row]) for label, row in zip(labels, rows, strict=True)]


def _dicom(image: np.ndarray) -> bytes:
    """A film as DICOM, with an invented name."""
    from utils.clinic import dicomfile

    said = {"Modality": "CR", "ViewPosition": "AP", "PatientName": dicomfile.person(1, "F")}
    out = io.BytesIO()
    dicomfile.dataset(image, dicomfile.CR, "example", 1, 1, said).save_as(out, enforce_file_format=True)
    return out.getvalue()


# ---------------------------------------------------------------------------- the page


def taken(uploads: Sequence[dict[str, Any]], folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each upload; its file is removed before they are handed on."""
    for upload in uploads:
        path = Path(upload["path"]).resolve()
        raw = path.read_bytes() if folder in path.parents and path.is_file() else b""
        removed([upload], folder)
        yield str(upload.get("orig_name") or path.name)[:200], raw


def removed(uploads: Sequence[dict[str, Any]], folder: Path) -> None:
    """Each upload has a folder of its own, see `kept_home`."""
    for home in (Path(upload["path"]).resolve().parent for upload in uploads):
        if home.parent == folder:
            shutil.rmtree(home, ignore_errors=True)


def build(desk: Desk, folder: Path) -> gr.Blocks:
    """The page; `folder` is where gradio puts uploads (GRADIO_TEMP_DIR)."""
    import gradio as gr

    def answer(name: str, uploads: list[dict] | dict | None) -> tuple[str, None]:
        given = [uploads] if isinstance(uploads, dict) else uploads or []
        try:
            return told(name, taken(given[:MOST_FILES], folder), len(given[MOST_FILES:])), None
        finally:
            removed(given, folder)

    def told(name: str, files: Iterable[tuple[str, bytes]], left: int = 0, note: str = "") -> str:
        try:
            made, who = desk.reader(name), desk.who(name)
        except (reader.ReaderError, datasets.DataError) as error:
            return report.refusal(str(error))
        return report.page_of([(file, made.read(raw, name=file)) for file, raw in files], who, left, note)

    def example(k: int) -> Callable[[str], str]:
        def show(name: str) -> str:
            found = desk.examples(name)[k]
            note = (f"This example is labelled {found.truth}. A reader errs, and more often on images that come from "
                    "elsewhere than those that it learnt from (lessons 4.3, 4.6).") if found.truth else ""  # fmt: skip
            return told(name, [(found.name, found.raw)], note=note)

        return show

    def chosen(name: str) -> list[Any]:
        labels = [found.label for found in desk.examples(name)] + [""] * buttons
        return [desk.head(name), "", *(gr.Button(label or "–", visible=bool(label)) for label in labels[:buttons])]

    first, buttons = desk.first, 4
    with gr.Blocks(title="The course's assistant", analytics_enabled=False) as page:
        who = gr.HTML(desk.head(first), elem_id="who")
        choice = gr.Dropdown(desk.names(), value=first, label="Who reads", filterable=False,
                             info="A reader of the course that was never used yet learns first, for about a minute.")
        label = f"DICOM, PNG or JPEG, up to {MOST_FILES} at once"
        drop = gr.File(label=label, file_count="multiple", height=160, elem_id="drop")
        with gr.Row(elem_id="examples"):
            tries = [gr.Button(label, visible=label != "–") for label in
                     ([found.label for found in desk.examples(first)] + ["–"] * buttons)[:buttons]]  # fmt: skip
        shown = gr.HTML("", elem_id="answer")
        save = gr.Button("Download the report", elem_id="save")
        alone = {"api_visibility": "private", "concurrency_id": "reader", "concurrency_limit": 1}
        drop.upload(answer, [choice, drop], [shown, drop], preprocess=False, **alone)
        for k, button in enumerate(tries):
            button.click(example(k), choice, shown, preprocess=False, **alone)
        choice.input(chosen, choice, [who, shown, *tries], preprocess=False, **alone)
        page.load(lambda: gr.Dropdown(choices=desk.names()), None, choice, api_visibility="private")
        save.click(None, None, None, js="() => window.saveReport()")
    return page


class Local:
    """Middleware that answers this computer's own page alone: no other site may post to it, and nobody gets files or
    addresses out of it, which gradio would fetch."""

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import PlainTextResponse

        headers = dict(scope.get("headers", ()))
        origin, host = headers.get(b"origin"), headers.get(b"host", b"")
        foreign = origin is not None and origin.partition(b"://")[2] != host
        if foreign or any(word in scope.get("path", "") for word in BARRED):
            return await PlainTextResponse("Not here.", 403)(scope, receive, send)
        return await self.app(scope, receive, send)


def kept_home() -> None:
    """Give each upload a folder of its own: gradio's is named by the content, and two people may send one image. And
    fetch nothing: gradio would get what lies at an address that it is given for a file."""
    from gradio import exceptions, processing_utils, route_utils

    async def never(*_: Any, **__: Any) -> str:
        raise exceptions.InvalidPathError("Cannot move what lies elsewhere")

    processing_utils.async_ssrf_protected_download = never

    class Upload(route_utils.GradioUploadFile):
        def __init__(self, *arguments: Any, **named: Any):
            super().__init__(*arguments, **named)
            self.sha.update(os.urandom(16))

    route_utils.GradioUploadFile = Upload


def swept(home: Path, older: float = OLD) -> None:
    """Remove uploads that are older than so many seconds, and the folders of apps that were killed."""
    (home / "uploads").mkdir(parents=True, exist_ok=True)  # a cleaner may have taken it
    os.utime(home)  # a sign of life, for systems without locks
    for entry in [*(home / "uploads").iterdir(), *home.parent.glob(f"{FOLDER}*")]:
        with contextlib.suppress(OSError):
            about = entry.lstat()
            if time.time() - about.st_mtime > older and (not hasattr(os, "getuid") or about.st_uid == os.getuid()):
                if entry.parent == home.parent:
                    spool.held(entry / "lock").close()  # another app, awake again: OSError
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def serve(desk: Desk, port: int | None = None, inbrowser: bool = False) -> None:
    """Serve the page on 127.0.0.1 until Ctrl-C or SIGTERM; the folder of uploads goes with it."""
    home, over = Path(tempfile.mkdtemp(prefix=FOLDER)).resolve(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    try:
        (home / "uploads").mkdir()
        with spool.held(home / "lock"):
            os.environ |= {"GRADIO_TEMP_DIR": str(home), "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
            import gradio as gr  # makes a folder of its own there
            from starlette.middleware import Middleware
            from starlette.middleware.trustedhost import TrustedHostMiddleware

            os.environ["GRADIO_TEMP_DIR"] = str(home / "uploads")
            kept_home()
            theme = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
            head = HEAD.replace('"report"', json.dumps(report.TEMPLATE).replace("<", "\\u003c"))
            page = build(desk, home / "uploads").queue(default_concurrency_limit=1, api_open=False)
            page.launch(share=False, server_name="127.0.0.1", server_port=port, inbrowser=inbrowser, ssr_mode=False,
                        max_file_size=MOST_BYTES, prevent_thread_lock=True, run_history=False, footer_links=[],
                        state_session_capacity=MOST_FILES, theme=theme, css=report.STYLE, head=head, quiet=True,
                        app_kwargs={"middleware": [Middleware(TrustedHostMiddleware, allowed_hosts=list(HERE)),
                                                   Middleware(Local)]})  # fmt: skip
            print(f"The assistant is at {page.local_url} and stops with Ctrl-C.", flush=True)
            due = 0.0
            while not over.wait(1):  # Windows sees Ctrl-C between two waits only
                if time.monotonic() > due:
                    swept(home)
                    due = time.monotonic() + 60
            page.close(verbose=False)
            print("The assistant has stopped, and its folder of uploads is gone.")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m assistant.web --help` says what can be given."""
    parser = argparse.ArgumentParser(prog="make assistant", description=report.DEVICE)
    parser.add_argument("--folder", type=Path, default=defaults.KEPT, help="where your saved readers (*.pt) lie")
    parser.add_argument("--reader", default="chest", help="who reads first: chest, skin, or a file in the folder")
    parser.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    given = parser.parse_args(arguments)
    if given.port and not 0 < given.port < 1 << 16:
        parser.error(f"{given.port} is no port: 1 to 65535")
    desk = Desk(given.folder, given.reader)
    try:
        desk.reader(given.reader)
    except (reader.ReaderError, datasets.DataError) as error:
        sys.exit(str(error))
    try:
        serve(desk, given.port, not given.no_browser)
    except OSError as error:
        where = f" at port {given.port}: is it taken?" if given.port else ":"
        sys.exit(f"The app cannot start{where} {str(error).split('. ')[0]}.")


if __name__ == "__main__":
    main()
