"""The door to the data: where it looks, what it refuses, and what it says."""
from __future__ import annotations

import contextlib
import errno
import functools
import gzip
import hashlib
import http.server
import io
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from utils import datasets
from utils.clinic import standins
from utils.datasets import CARDS, DataError, places, read
from utils.datasets.types import fingerprint

SESSION_DATA = os.environ.get("COURSE_DATA", "")
REPO = Path(__file__).resolve().parent.parent
TABLES = [CARDS[name] for name in datasets.TABLES]
CODES = CARDS["dermamnist"].classes


@pytest.fixture(autouse=True)
def empty_house(monkeypatch, tmp_path):
    """An empty data folder, no COURSE_DATA, no internet, and a clinic that answers at once."""
    monkeypatch.setattr(places, "DATA", tmp_path / "data")
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setitem(standins.WRITERS, "dermamnist", write_dermamnist)
    (tmp_path / "data").mkdir()


def arrays(sizes=(20, 10, 10), shape=(28, 28, 3), classes=7, seed=0) -> dict[str, np.ndarray]:
    rng, made = np.random.default_rng(seed), {}
    for part, n in zip(datasets.PARTS, sizes, strict=True):
        made[f"{part}_images"] = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
        made[f"{part}_labels"] = rng.integers(0, classes, (n, 1), dtype=np.uint8)
    return made


def table(seed=0, sizes=(20, 10, 10)) -> pd.DataFrame:
    """A table that fits `arrays(sizes, seed=seed)`."""
    labels = np.concatenate([arrays(sizes, seed=seed)[f"{part}_labels"].ravel() for part in datasets.PARTS])
    n = len(labels)
    return pd.DataFrame({
        "split": np.repeat(datasets.PARTS, sizes), "index": np.concatenate([np.arange(s) for s in sizes]),
        "image_id": [f"ISIC_{i:07d}" for i in range(n)], "lesion_id": [f"HAM_{i // 2:07d}" for i in range(n)],
        "dx": np.array(CODES)[labels], "dx_type": "histo", "age": [np.nan, *np.full(n - 1, 45.0)], "sex": "unknown",
        "localization": "back", "dataset": "rosendahl"})  # fmt: skip


def write_dermamnist(folder: Path, progress=None) -> None:
    """A small stand-in, laid out as the clinic's."""
    rows = table(9)
    (folder / "dermamnist.npz").write_bytes(npz(**arrays(seed=9)))
    put_tables(folder, rows)
    masks = np.arange(40 * 784, dtype=np.uint8).reshape(40, 28, 28)
    names = rows["image_id"].to_numpy(dtype=str)
    (folder / "ham10000_lesion_masks_28.npz").write_bytes(npz(masks=masks, image_id=names))


def npz(**content) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **content)
    return buffer.getvalue()


def put_tables(folder: Path, rows: pd.DataFrame, tab: bool = False) -> None:
    for card in TABLES:
        part = rows[list(card.columns)].sample(frac=1, random_state=0)
        part.to_csv(folder / card.files[0], index=False, sep="\t" if tab else ",")


def snapshot(folder: Path) -> dict[str, str]:
    return {f.relative_to(folder).as_posix(): hashlib.md5(f.read_bytes()).hexdigest() if f.is_file() else "folder"
            for f in sorted(folder.rglob("*")) if "synthetic" not in f.parts}  # fmt: skip


def one_sentence(text: object) -> str:
    text = str(text)
    assert re.fullmatch(r"[^\n]{20,330}\.", text), text
    assert not re.search(r"\.\s+[A-Z]", text), f"more than one sentence: {text}"
    assert "Traceback" not in text and str(places.DATA) not in text and str(Path.home()) + "/" not in text
    return text


# ---------------------------------------------------------------------------- download


SERVER_S = 60  # a server that stalls does so this long, far beyond what the course waits


class Server(http.server.BaseHTTPRequestHandler):
    body = b""

    def log_message(self, *_):
        pass

    def do_GET(self):
        kind = self.path.split("/")[1]
        with contextlib.suppress(OSError):
            getattr(self, f"_{kind}")()

    def _head(self, length=None, code=200):
        self.send_response(code)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _good(self):
        self._head(len(self.body))
        self.wfile.write(self.body)

    def _unavailable(self):
        self._head(0, 503)

    def _missing(self):
        self._head(0, 404)

    def _cut(self):
        self._head(len(self.body))
        self.wfile.write(self.body[: len(self.body) // 2])

    def _cut_unannounced(self):
        self._head()
        self.wfile.write(self.body[: len(self.body) // 2])

    def _wrong(self):
        self._head(len(self.body))
        self.wfile.write(self.body[::-1])

    def _login(self):
        page = b"<html><body>Welcome to our guest network, please log in</body></html>" * 50
        self._head(len(page))
        self.wfile.write(page)

    def _silent(self):
        self.gone.wait(SERVER_S)

    def _stall(self):
        self._head(len(self.body))
        self.wfile.write(self.body[:1000])
        self.wfile.flush()
        self.gone.wait(SERVER_S)

    def _trickle(self):
        self._head(len(self.body))
        for i in range(10 * SERVER_S):
            self.wfile.write(self.body[i : i + 1])
            self.wfile.flush()
            self.gone.wait(0.1)

    def _trickle_head(self):
        for letter in b"HTTP/1.0 200 OK\r\nX-Slow: " + b"a" * 10 * SERVER_S:
            self.wfile.write(bytes([letter]))
            self.wfile.flush()
            self.gone.wait(0.1)

    def _loop(self):
        self.send_response(302)
        self.send_header("Location", self.path)
        self.end_headers()


@pytest.fixture
def internet(monkeypatch):
    """A server on this machine in the place of the public ones; returns a function that points the course at it."""
    monkeypatch.delenv("COURSE_OFFLINE")
    for name, seconds in {"CONNECT_S": 0.5, "READ_S": 0.7, "TOTAL_S": 1.5}.items():
        monkeypatch.setattr(places, name, seconds)
    gone = threading.Event()
    handler = type("Here", (Server,), {"body": npz(**arrays()), "gone": gone})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def point(kind: str, base: str = f"http://127.0.0.1:{server.server_port}") -> type:
        md5 = hashlib.md5(server.RequestHandlerClass.body).hexdigest()
        url = f"{base}/{kind}/dermamnist.npz?download=1"
        monkeypatch.setitem(CARDS, "dermamnist", replace(CARDS["dermamnist"], url=url, md5=md5))
        return server.RequestHandlerClass

    yield point
    gone.set()  # let its threads end
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("kind", "words"), [
    ("unavailable", "answered 503"), ("missing", "answered 404"), ("cut", "cut the download off"),
    ("cut_unannounced", "not the published file"), ("wrong", "not the published file"),
    ("login", "not the published file"), ("silent", "fell silent"), ("stall", "fell silent"),
    ("trickle", "too slow"), ("trickle_head", "too slow"), ("loop", "answered 302"),
])  # fmt: skip
def test_a_failed_download_is_one_sentence_and_the_lesson_goes_on(internet, kind, words, capsys):
    internet(kind)
    (places.DATA / "mine.txt").write_text("my notes")
    before, start = snapshot(places.DATA), time.monotonic()
    pile = datasets.load("dermamnist")
    assert time.monotonic() - start < 4, "it gave up itself: the server would have stalled for a minute"
    assert not pile.source.is_real and "synthetic" in str(pile.source) and len(pile.train) == 20
    assert words in one_sentence(pile.source.note), pile.source.note
    assert snapshot(places.DATA) == before
    assert capsys.readouterr().err == ""


def test_no_server_and_no_such_name(internet):
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as closed:
        port = closed.server_port
    internet("good", f"http://127.0.0.1:{port}")
    assert "127.0.0.1 refused the connection" in one_sentence(datasets.load("dermamnist").source.note)
    internet("good", "http://no-such-host.invalid")
    note = one_sentence(datasets.load("dermamnist").source.note)
    assert "could not be looked up" in note or "too slow" in note, note


def test_a_good_download_is_kept_and_real(internet, capsys):
    internet("good")
    pile = datasets.load("dermamnist")
    assert capsys.readouterr() == ("", ""), "no bar before three seconds"
    assert pile.source.is_real and pile.source.where == "downloaded from 127.0.0.1"
    assert [f.name for f in places.DATA.iterdir()] == ["dermamnist.npz"]
    assert (places.DATA / "dermamnist.npz").stat().st_mode & 0o044, "others may read it"
    internet("missing")
    again = datasets.load("dermamnist")
    assert again.source.where == datasets.OURS and again.source.fingerprint == pile.source.fingerprint


@pytest.mark.parametrize(("code", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "Read-only")])
def test_a_full_or_read_only_disk(internet, monkeypatch, code, words):
    internet("good")

    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    class Full(io.BytesIO):
        write = refuse

    monkeypatch.setattr("pooch.downloaders.open", lambda *_: Full(), raising=False)
    pile = datasets.load("dermamnist")
    assert words in one_sentence(pile.source.note) and not pile.source.is_real
    assert snapshot(places.DATA) == {}
    shutil.rmtree(places.DATA / "synthetic")
    monkeypatch.setattr(places.tempfile, "TemporaryDirectory", refuse)  # nothing can be written at all
    pile = datasets.load("dermamnist")
    assert words in pile.source.note and "every lesson makes it anew" in pile.source.note and len(pile.val) == 10


def test_a_download_never_replaces_a_file(internet, tmp_path):
    internet("good")
    target = tmp_path / "mine.npz"
    target.write_bytes(b"mine")
    places.download(CARDS["dermamnist"].url, target)
    assert target.read_bytes() == b"mine" and len(list(tmp_path.iterdir())) == 2


def test_tables_are_fetched_checked_and_kept_only_if_whole(internet, monkeypatch):
    handler = internet("good")
    sizes = CARDS["dermamnist"].counts
    (places.DATA / "dermamnist.npz").write_bytes(npz(**arrays(sizes)))
    base = CARDS["dermamnist"].url.removesuffix("good/dermamnist.npz?download=1")
    rows = table(0, sizes)
    bodies = {card.files[0]: rows[list(card.columns)].to_csv(index=False).encode() for card in TABLES}

    def serve(kind):
        for card in TABLES:
            served = replace(card, url=f"{base}table/{kind}/{card.files[0]}")
            monkeypatch.setitem(CARDS, card.name, served)

    def answer(self):
        _, _, kind, name = self.path.split("/")
        body = {"whole": bodies[name], "login": b"<html>Log in, please</html>", "cut": bodies[name][:9000]}[kind]
        self._head()
        self.wfile.write(body)

    handler._table = answer
    for kind in ("login", "cut"):
        serve(kind)
        pile = datasets.load("dermamnist", metadata=True)
        assert not pile.source.is_real and "not the published file" in one_sentence(pile.source.note)
        assert [f.name for f in places.DATA.glob("*.*")] == ["dermamnist.npz"]
    serve("whole")
    pile = datasets.load("dermamnist", metadata=True)
    assert pile.source.is_real and list(pile.test.table["dx"]) == [CODES[label] for label in pile.test.labels]
    assert len(list(places.DATA.glob("*.csv"))) == 2


def test_a_bar_that_counts_shows_on_stdout_after_three_seconds(capsys, monkeypatch):
    def slow(folder, progress):
        for _ in progress(range(4)):
            time.sleep(pause)
        write_dermamnist(folder)

    monkeypatch.setitem(standins.WRITERS, "dermamnist", slow)
    pause = 0.01
    datasets.load("dermamnist")
    assert capsys.readouterr() == ("", "")
    shutil.rmtree(places.DATA / "synthetic")
    monkeypatch.setattr(places, "DELAY_S", 0.2)
    pause = 0.6
    datasets.load("dermamnist")
    out, err = capsys.readouterr()
    assert "making synthetic DermaMNIST" in out and "3/4" in out and err == ""


# ---------------------------------------------------------------------------- files that are there


class Payload:
    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return (Path.touch, (self.witness,))


def variant(**changes) -> bytes:
    return npz(**{k: v for k, v in (arrays() | changes).items() if v is not None})


WHOLE = variant()
BROKEN = {
    "empty": b"", "truncated": WHOLE[: len(WHOLE) // 2], "cut at the end": WHOLE[:-30],
    "text": b"<html>404</html>" * 99,
    "bit flips": WHOLE[:5000] + bytes(b ^ 255 for b in WHOLE[5000:5050]) + WHOLE[5050:],
    "a bare array": (lambda b: (np.save(b, np.zeros(3)), b.getvalue())[1])(io.BytesIO()),
    "a pickle": pickle.dumps(arrays()),
    "other keys": npz(x=np.zeros(3)), "one key missing": variant(val_labels=None),
    "64 pixels": variant(train_images=np.zeros((20, 64, 64, 3), np.uint8)),
    "grey": variant(train_images=np.zeros((20, 28, 28), np.uint8)),
    "floats": variant(train_images=np.zeros((20, 28, 28, 3), np.float32)),
    "a number": variant(train_images=np.uint8(3)), "float labels": variant(val_labels=np.zeros((10, 1))),
    "text labels": variant(val_labels=np.array(["nv"] * 10)), "too few labels": variant(val_labels=np.zeros(9, int)),
    "one-hot labels": variant(val_labels=np.zeros((10, 7), int)),
    "label too high": variant(test_labels=np.full((10, 1), 7)),
    "label below 0": variant(test_labels=np.full((10, 1), -1)),
    "no images": variant(test_images=np.zeros((0, 28, 28, 3), np.uint8), test_labels=np.zeros((0, 1), int)),
}  # fmt: skip


@pytest.mark.parametrize("place", ["data", "COURSE_DATA"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_sentence_and_stays(name, place, monkeypatch, tmp_path):
    folder = places.DATA if place == "data" else tmp_path / "lab"
    folder.mkdir(exist_ok=True)
    if place == "COURSE_DATA":
        monkeypatch.setenv("COURSE_DATA", str(folder))
    (folder / "dermamnist.npz").write_bytes(BROKEN[name])
    before = snapshot(tmp_path)
    with pytest.raises(DataError) as caught:
        datasets.load("dermamnist")
    message = one_sentence(caught.value)
    assert "dermamnist.npz" in message and "move it away" in message
    assert (datasets.YOURS if place == "COURSE_DATA" else datasets.OURS) in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None, "nobody else's traceback"
    assert snapshot(tmp_path) == before


def test_random_damage_never_escapes():
    rng, accepted = np.random.default_rng(0), 0
    for _ in range(300):
        raw = bytearray(WHOLE)
        start = int(rng.integers(len(raw)))
        length = int(rng.integers(1, 200))
        raw[start : start + length] = rng.bytes(length) if rng.random() < 0.5 else bytes(length)
        (places.DATA / "dermamnist.npz").write_bytes(bytes(raw))
        try:
            datasets.load("dermamnist")
            accepted += 1
        except DataError as error:
            one_sentence(error)
    assert accepted < 30, "the zip's own checksums find nearly all damage"


@pytest.mark.parametrize("key", ["train_images", "extra"])
def test_a_pickle_inside_an_npz_is_refused_and_not_run(key, tmp_path):
    witness = tmp_path / "the payload ran"
    buffer = io.BytesIO()
    np.savez(buffer, **(arrays() | {key: np.array([Payload(witness)], dtype=object)}))
    (places.DATA / "dermamnist.npz").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match="pickled objects"):
        datasets.load("dermamnist")
    assert not witness.exists()


def test_things_that_are_not_files(tmp_path):
    path = places.DATA / "dermamnist.npz"
    path.mkdir()
    with pytest.raises(DataError, match="is not a file"):
        datasets.load("dermamnist")
    path.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        with pytest.raises(DataError, match="is not a file"):
            datasets.load("dermamnist")
        path.unlink()
    path.symlink_to(tmp_path / "gone.npz")
    with pytest.raises(DataError, match="cannot be read"):
        datasets.load("dermamnist")
    assert path.is_symlink()


def test_a_file_without_permission(monkeypatch):
    (places.DATA / "dermamnist.npz").write_bytes(WHOLE)

    def refuse(self):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)  # chmod does not stop root
    with pytest.raises(DataError) as caught:
        datasets.load("dermamnist")
    assert "Permission denied" in one_sentence(caught.value)


def test_unusual_but_right_files():
    flat = {k: v.ravel().astype(np.int32) if k.endswith("labels") else v for k, v in arrays().items()}
    (places.DATA / "dermamnist.npz").write_bytes(npz(**flat))
    pile = datasets.load("dermamnist")
    assert pile.train.labels.dtype == np.int64 and pile.train.labels.shape == (20,)
    assert "not the published" in one_sentence(pile.source.note)
    assert pile.source.fingerprint == hashlib.sha256(b"".join(
        a.tobytes() for part in (pile.train, pile.val, pile.test) for a in (part.images, part.labels))).hexdigest()[:12]
    with pytest.raises(DataError, match="metadata=True"):
        _ = pile.train.lesions


# ---------------------------------------------------------------------------- where it looks


def test_the_order_of_the_search(monkeypatch, tmp_path):
    lab = tmp_path / "lab"
    lab.mkdir()
    (places.DATA / "dermamnist.npz").write_bytes(npz(**arrays(seed=1)))
    assert datasets.load("dermamnist").source.where == datasets.OURS
    monkeypatch.setenv("COURSE_DATA", str(lab))
    assert datasets.load("dermamnist").source.where == datasets.OURS
    (lab / "dermamnist.npz").write_bytes(npz(**arrays(seed=2)))
    assert datasets.load("dermamnist").source.where == datasets.YOURS
    monkeypatch.setenv("COURSE_DATA", "lab")  # relative to the course's folder
    assert datasets.load("dermamnist").source.where == datasets.YOURS
    monkeypatch.setenv("COURSE_DATA", "")
    assert datasets.load("dermamnist").source.where == datasets.OURS


@pytest.mark.parametrize("wrong", ["/no/such/folder", "~nobody-here/data", "file.txt"])
def test_a_wrong_course_data(monkeypatch, tmp_path, wrong):
    (tmp_path / "file.txt").write_text("x")
    monkeypatch.setenv("COURSE_DATA", wrong)
    for call in (lambda: datasets.load("dermamnist"), lambda: datasets.load("chest_xray"), datasets.mr_series):
        with pytest.raises(DataError) as caught:
            call()
        assert f"COURSE_DATA is '{wrong}'" in one_sentence(caught.value)


def test_offline_and_empty_is_synthetic_and_cached(monkeypatch):
    first = datasets.load("dermamnist", metadata=True)
    assert not first.source.is_real and "COURSE_OFFLINE" in one_sentence(first.source.note)
    assert "synthetic" in str(first.source) and "\n" not in str(first.source)
    monkeypatch.setitem(standins.WRITERS, "dermamnist", lambda *_, **__: 1 / 0)
    again = datasets.load("dermamnist", metadata=True)
    assert again.source == first.source and (again.test.images == first.test.images).all()
    pd.testing.assert_frame_equal(again.train.table, first.train.table)
    assert again.train.table["age"].isna().sum() == 1 and again.train.table["sex"].eq("unknown").all()
    assert list(again.train.lesions[:3]) == ["HAM_0000000", "HAM_0000000", "HAM_0000001"]
    assert list(datasets.load("dermamnist").train.table) == ["split", "index"], "as with real data"
    monkeypatch.setenv("COURSE_DATA", str(places.DATA.parent))
    assert "Neither COURSE_DATA nor data/" in one_sentence(datasets.load("dermamnist").source.note)


@pytest.mark.parametrize("damage", [
    lambda file: file.write_bytes(file.read_bytes()[:999]), lambda file: file.unlink(),
    lambda file: file.write_bytes(file.read_bytes()[:-40] + bytes(40)), lambda file: (file.unlink(), file.mkdir()),
])  # fmt: skip
@pytest.mark.parametrize("name", ["dermamnist.npz", "HAM10000_metadata.csv", "inventory.txt"])
def test_a_damaged_or_half_written_stand_in_is_made_again(damage, name):
    first = datasets.load("dermamnist", metadata=True)
    kept = next(places.DATA.rglob(name))
    whole = {file.name: file.read_bytes() for file in kept.parent.iterdir()}
    damage(kept)
    assert datasets.load("dermamnist", metadata=True).source == first.source
    assert {file.name: file.read_bytes() for file in kept.parent.iterdir()} == whole


def test_new_code_in_the_clinic_makes_new_images(monkeypatch, tmp_path):
    clinic = tmp_path / "clinic"
    shutil.copytree(Path(standins.__file__).parent, clinic)
    monkeypatch.setattr(places, "CLINIC_CODE", clinic)
    old = places.clinic_code()
    assert old == places.clinic_code() and len(old) == 12
    datasets.load("dermamnist")
    with (clinic / "skin.py").open("a") as file:
        file.write("PIGMENT = 2\n")
    assert places.clinic_code() != old
    datasets.load("dermamnist")
    assert len(list((places.DATA / "synthetic").iterdir())) == 2


def test_processes_that_load_at_once(internet):
    """Six processes, one empty cache: a download and a synthetic set, each whole, and no litter."""
    internet("good")
    url, md5 = CARDS["dermamnist"].url, CARDS["dermamnist"].md5
    code = f"""
import os, pathlib, sys
from dataclasses import replace
sys.path.insert(0, "tests")
import test_datasets
from utils import datasets
from utils.clinic import standins
from utils.datasets import CARDS, places
places.DATA = pathlib.Path({str(places.DATA)!r})
standins.WRITERS["dermamnist"] = test_datasets.write_dermamnist
CARDS["dermamnist"] = replace(CARDS["dermamnist"], url={url!r}, md5={md5!r})
if sys.argv[1] != "net": os.environ["COURSE_OFFLINE"] = "1"
print(datasets.load("dermamnist").source.fingerprint)
"""

    def run(mode):
        jobs = [subprocess.Popen([sys.executable, "-c", code, mode], cwd=REPO, stdout=subprocess.PIPE, text=True)
                for _ in range(3)]  # fmt: skip
        prints = [job.communicate(timeout=60)[0].strip().split("\n")[-1] for job in jobs]
        assert [job.returncode for job in jobs] == [0, 0, 0]
        assert len(set(prints)) == 1 and prints[0]

    run("offline")
    run("net")
    assert not [f for f in places.DATA.rglob("*") if ".part" in f.name]
    assert datasets.load("dermamnist").source.is_real


def test_names_that_do_not_exist():
    for call in (lambda: datasets.load("mnist"), lambda: datasets.load("pneumoniamnist", metadata=True)):
        with pytest.raises(DataError) as caught:
            call()
        one_sentence(caught.value)


# ---------------------------------------------------------------------------- HAM10000's table


@pytest.mark.parametrize("tab", [False, True])
def test_metadata_is_joined_by_split_and_index(tab):
    (places.DATA / "dermamnist.npz").write_bytes(WHOLE)
    put_tables(places.DATA, table(), tab)
    pile = datasets.load("dermamnist", metadata=True)
    assert pile.source.is_real
    for part in (pile.train, pile.val, pile.test):
        assert list(part.table["dx"]) == [CODES[label] for label in part.labels] and len(part.table) == len(part)
    assert list(pile.val.table["image_id"]) == [f"ISIC_{i:07d}" for i in range(20, 30)]
    assert pile.train.table["age"].dtype == float and pile.train.table["age"].isna().sum() == 1


def swapped(rows):
    a, b = rows.index[0], rows.index[rows["dx"] != rows["dx"].iloc[0]][0]
    rows.loc[[a, b], "image_id"] = rows.loc[[b, a], "image_id"].to_numpy()
    return rows


@pytest.mark.parametrize("spoil", [
    lambda rows: rows.assign(dx=np.roll(rows["dx"], 1)), lambda rows: rows.iloc[1:], lambda rows: rows.iloc[:0],
    lambda rows: pd.concat([rows, rows.iloc[:1]]), lambda rows: rows.drop(columns="dataset").assign(other=1),
    lambda rows: rows.assign(image_id="ISIC_0000001"), lambda rows: rows.assign(index="x"),
])  # fmt: skip
def test_tables_that_do_not_fit_are_not_used(spoil):
    (places.DATA / "dermamnist.npz").write_bytes(WHOLE)
    rows = spoil(table())
    for card in TABLES:
        rows[[c for c in card.columns if c in rows]].to_csv(places.DATA / card.files[0], index=False)
    pile = datasets.load("dermamnist", metadata=True)
    assert not pile.source.is_real and "real images are here but not used" in one_sentence(pile.source.note)
    assert datasets.load("dermamnist").source.is_real, "without the tables they are used"


def test_one_wrong_label_is_enough_and_the_right_table_is_found(monkeypatch, tmp_path):
    (places.DATA / "dermamnist.npz").write_bytes(WHOLE)
    put_tables(places.DATA, table())
    swapped(table())[list(TABLES[0].columns)].to_csv(
        places.DATA / "dermamnist_split_info.csv", index=False)  # fmt: skip
    assert not datasets.load("dermamnist", metadata=True).source.is_real
    lab = tmp_path / "lab"
    lab.mkdir()
    monkeypatch.setenv("COURSE_DATA", str(lab))
    put_tables(lab, table())
    assert datasets.load("dermamnist", metadata=True).source.is_real


def test_missing_and_binary_tables():
    (places.DATA / "dermamnist.npz").write_bytes(WHOLE)
    assert "does not hold dermamnist_split_info.csv" in datasets.load("dermamnist", metadata=True).source.note
    put_tables(places.DATA, table())
    for junk in (b"", bytes(range(256)) * 9, b'"' * 5000):
        (places.DATA / "HAM10000_metadata.csv").write_bytes(junk)
        note = one_sentence(datasets.load("dermamnist", metadata=True).source.note)
        assert "HAM10000_metadata.csv" in note
        assert (places.DATA / "HAM10000_metadata.csv").read_bytes() == junk


def test_masks_follow_the_rows_of_the_images():
    synthetic = datasets.masks(datasets.load("dermamnist", metadata=True))
    assert synthetic["val"].shape == (10, 28, 28)
    assert (np.concatenate([*synthetic.values()]).ravel() == np.arange(40 * 784, dtype=np.uint8)).all()
    (places.DATA / "dermamnist.npz").write_bytes(WHOLE)
    put_tables(places.DATA, table())
    pile = datasets.load("dermamnist", metadata=True)
    with pytest.raises(DataError, match="ham10000_lesion_masks_28.npz"):
        datasets.masks(pile)
    ids = np.array([f"ISIC_{i:07d}" for i in range(50)][::-1])
    values = np.arange(50, dtype=np.uint8)[::-1]
    file = places.DATA / "ham10000_lesion_masks_28.npz"
    file.write_bytes(npz(image_id=ids, masks=np.repeat(values, 784).reshape(50, 28, 28)))
    found = datasets.masks(pile)
    assert list(found["test"][:, 0, 0]) == list(range(30, 40))
    file.write_bytes(npz(image_id=ids[:9], masks=np.zeros((9, 28, 28), np.uint8)))
    with pytest.raises(DataError, match="does not fit"):
        datasets.masks(pile)
    with pytest.raises(DataError, match="metadata=True"):
        datasets.masks(datasets.load("dermamnist"))


# ---------------------------------------------------------------------------- folders


def picture(path: Path, value=100, size=(12, 10), mode="L", **how) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode in ("L", "I;16") else (value, 0, 0)).save(path, **how)
    return path


def refused(path, words, **how):
    with pytest.raises(DataError) as caught:
        datasets.folder(path, **how)
    assert words in one_sentence(str(caught.value).replace(str(places.DATA.parent), "")), str(caught.value)


def test_a_folder_for_each_class(tmp_path):
    root = tmp_path / "mine"
    for i in range(3):
        picture(root / "NORMAL" / f"{i}.png", 10 + i)
        picture(root / "PNEUMONIA" / "deep" / f"{i}.png", 20 + i)
    picture(root / "PNEUMONIA" / ".hidden.png")
    picture(root / "__MACOSX" / "NORMAL" / "x.png")
    (root / "NORMAL" / "Thumbs.db").write_bytes(b"x")
    (root / "NORMAL" / "notes.txt").write_text("no image")
    (root / "NORMAL" / "cut.png").write_bytes((root / "NORMAL" / "0.png").read_bytes()[:40])
    (root / "readme.txt").write_text("x")
    found = datasets.folder(root)
    assert found.classes == ("NORMAL", "PNEUMONIA") and found.images.shape == (6, 10, 12) and len(found) == 6
    assert list(found.images[:, 0, 0]) == [10, 11, 12, 20, 21, 22] and list(found.labels) == [0, 0, 0, 1, 1, 1]
    assert list(found.table["file"])[3] == "PNEUMONIA/deep/0.png" and set(found.table["split"]) == {"all"}
    assert found.skipped == {"NORMAL/notes.txt": "not an image", "NORMAL/cut.png": "not an image",
                             "readme.txt": "stands beside the folders"}  # fmt: skip
    assert "3 files" in found.source.note
    assert found.source.is_real and str(tmp_path) not in str(found.source)
    assert found.part("all").labels.shape == (6,) and found.part("train") is None


def test_another_opener_reads_what_pictures_do_not(tmp_path):
    root = tmp_path / "mine"
    for name in ("a/0.dcm", "b/0.dcm", "b/1.zip"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")

    def opener(file, size, mode):
        if file.suffix == ".zip":
            raise ValueError("its window cannot be used")
        return np.full((size, size), 7, np.uint8), set()

    found = datasets.folder(root, size=4, opener=opener)
    assert found.images.shape == (2, 4, 4) and (found.images == 7).all()
    assert found.skipped == {"b/1.zip": "its window cannot be used"}, "the opener's own reason, whatever the ending"


def test_splits_sizes_colours_and_depths(tmp_path):
    root = tmp_path / "mine"
    for split in ("Training", "validation", "test"):
        picture(root / split / "a" / "0.jpg", 200, (40, 30), "RGB")
        picture(root / split / "b" / "0.png", 51 * 256, (20, 20), "I;16")
    refused(root, "differ in size")
    found = datasets.folder(root, size=8, mode="RGB")
    assert found.images.shape == (6, 8, 8, 3)
    assert list(found.table["split"]) == ["train"] * 2 + ["test"] * 2 + ["val"] * 2, "in the order of the names"
    assert abs(int(found.images[0, 4, 4, 0]) - 200) < 4 and found.images[0, 4, 4, 2] < 6
    assert (found.images[1] == 51).all() and "3 images of 16 bits" in found.source.note
    assert len(found.part("val")) == 2


def test_pictures_taken_with_a_turned_camera_stand_upright(tmp_path):
    for name in "ab":
        exif = Image.Exif()
        exif[0x0112] = 6
        picture(tmp_path / "mine" / name / "0.jpg", size=(40, 20), exif=exif)
    assert datasets.folder(tmp_path / "mine").images.shape == (2, 40, 20)


def test_folders_that_are_refused(tmp_path, monkeypatch):
    refused(tmp_path / "nowhere", "There is no folder")
    refused(picture(tmp_path / "loose" / "0.png"), "is a file")
    refused(tmp_path / "loose", "no class folders")
    (tmp_path / "empty" / "a").mkdir(parents=True)
    refused(tmp_path / "empty", "only empty folders")
    refused(tmp_path / "empty" / "a", "is empty")
    picture(tmp_path / "one" / "cats" / "0.png")
    refused(tmp_path / "one", "one class only (cats)")
    for name in ("a", "b"):
        (tmp_path / "text" / name).mkdir(parents=True)
        (tmp_path / "text" / name / "x.png").write_text("no image")
    refused(tmp_path / "text", "is an image")
    picture(tmp_path / "one" / "dogs" / "0.png")
    refused(tmp_path / "one", "mode is", mode="CMYK")
    refused(tmp_path / "one", "size is", size=0)
    monkeypatch.setattr(read, "MOST_BYTES", 200)
    refused(tmp_path / "one", "smaller size=")


def test_a_class_may_be_called_test(tmp_path):
    for name in ("control", "test"):
        picture(tmp_path / "mine" / name / "person 1" / "0.png")
    assert datasets.folder(tmp_path / "mine").classes == ("control", "test")


def test_chest_xray_is_read_where_it_is_and_made_where_not():
    made = datasets.load("chest_xray", size=16)
    assert not made.source.is_real and "Mendeley" in made.source.note and len(made.test) == 300
    for split in ("train", "test"):
        for name in ("NORMAL", "PNEUMONIA"):
            picture(places.DATA / "chest_xray" / split / name / "0.jpeg", size=(50, 40))
    pile = datasets.load("chest_xray", size=16)
    assert pile.classes == ("NORMAL", "PNEUMONIA") and pile.val is None and pile.train.images.shape == (2, 16, 16)
    assert pile.source.is_real and pile.source.licence == "CC BY 4.0"


def test_mr_series(monkeypatch):
    calls = []

    def write(folder, progress=None):
        calls.append(folder)
        (folder / "mr_t1_series").mkdir()
        for name in ("b", "a"):
            (folder / "mr_t1_series" / f"{name}.dcm").write_bytes(name.encode())

    monkeypatch.setitem(standins.WRITERS, "mr_t1_series", write)
    first, again = datasets.mr_series(), datasets.mr_series()
    assert len(calls) == 1 and first.source == again.source and not first.source.is_real
    assert [path.name for path in first.paths] == ["a.dcm", "b.dcm"] and all(path.is_file() for path in again.paths)
    first.paths[0].unlink()
    assert len(datasets.mr_series().paths) == 2 and len(calls) == 2, "half a series is made again"
    (places.DATA / "mr_t1_series").mkdir()
    with pytest.raises(DataError, match="holds no .dcm files"):
        datasets.mr_series()
    (places.DATA / "mr_t1_series" / "x.dcm").write_bytes(b"x")
    assert datasets.mr_series().source.is_real


def test_ct_slices_and_ct_volume(tmp_path):
    first, again = datasets.ct_slices(), datasets.ct_slices()
    assert first.source == again.source and not first.source.is_real and len(first.paths) == 2
    made = datasets.ct_volume()
    assert not made.source.is_real and made.array.ndim == 3 and made.spacing == (3, 3, 3)
    assert made.array.min() < -900 and made.array.max() > 3000
    (places.DATA / "ct").mkdir()
    assert not datasets.ct_slices().source.is_real, "a folder without slices is no reason to stop"
    shutil.copy(first.paths[0], places.DATA / "ct" / "chest_slice_0.dcm")
    nifti_file(places.DATA / "ct" / "body_3mm.nii.gz", affine=np.diag([2, 2, 5, 1]))
    slices, volume = datasets.ct_slices(), datasets.ct_volume()
    assert slices.source.is_real and [path.name for path in slices.paths] == ["chest_slice_0.dcm"]
    assert volume.source.is_real and volume.spacing == (2, 2, 5) and volume.source.where == datasets.OURS
    (places.DATA / "ct" / "body_3mm.nii.gz").write_bytes(b"cut off")
    with pytest.raises(DataError, match="not a whole NIfTI file"):
        datasets.ct_volume()


def test_pydicoms_own_files():
    paths = datasets.pydicom_files()
    assert len(paths) > 60 and all(path.is_file() for path in paths)
    assert [path.name for path in paths] == sorted(path.name for path in paths)
    assert len({path.parent for path in paths}) == 1 and "site-packages" in str(paths[0])


# ---------------------------------------------------------------------------- NIfTI


def nifti_file(path: Path, shape=(4, 5, 6), affine=None, **header) -> Path:
    """A small NIfTI file; header fields are written over what nibabel makes of array and affine."""
    import nibabel

    values = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    raw = nibabel.Nifti1Image(values, affine).to_bytes()
    block = nibabel.Nifti1Header(raw[:348])
    for name, value in header.items():
        block[name] = value
    raw = block.binaryblock + raw[348:]
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def test_a_nifti_file_keeps_values_place_and_spacing(tmp_path):
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [0.7, 0.8, 3.0], (-40, 12, 300)
    scan = datasets.nifti(nifti_file(tmp_path / "a.nii.gz", affine=affine))
    assert scan.array.dtype == np.int16 and scan.array[1, 2, 3] == 1 * 30 + 2 * 6 + 3
    assert np.allclose(scan.affine, affine, atol=1e-5) and np.allclose(scan.spacing, (0.7, 0.8, 3.0), atol=1e-6)
    assert scan.source.is_real and str(tmp_path) not in str(scan.source) and "a.nii.gz" in str(scan.source)
    other = datasets.nifti(nifti_file(tmp_path / "b.nii", affine=affine + np.eye(4)[:, [3, 3, 3, 0]] * 0.1))
    assert other.source.fingerprint != scan.source.fingerprint, "another place is another scan"


def test_either_form_is_an_affine(tmp_path):
    import nibabel

    image = nibabel.Nifti1Image(np.zeros((2, 3, 4), np.float64), None)
    image.set_qform(np.diag([2.0, 3, 4, 1]), code=1)
    nibabel.save(image, tmp_path / "q.nii")
    scan = datasets.nifti(tmp_path / "q.nii")
    assert np.allclose(scan.affine, np.diag([2, 3, 4, 1])) and scan.array.dtype == np.float32
    with_time = datasets.nifti(nifti_file(tmp_path / "t.nii", (4, 5, 6, 1), np.eye(4)))
    assert with_time.array.shape == (4, 5, 6)


@pytest.mark.parametrize(
    ("words", "shape", "affine", "header"),
    [
        ("has no affine", (4, 5, 6), None, {}),
        ("has no affine", (4, 5, 6), np.eye(4), {"sform_code": 0, "qform_code": 0}),
        ("one volume", (4, 5, 6, 3), np.eye(4), {}),
        ("one volume", (4, 5), np.eye(4), {}),
        ("cannot be inverted", (4, 5, 6), np.eye(4), {"srow_z": 0}),
        ("cannot be inverted", (4, 5, 6), np.eye(4), {"srow_x": np.nan}),
        ("in micron", (4, 5, 6), np.eye(4), {"xyzt_units": 3}),
    ],
)
def test_a_nifti_file_that_cannot_be_placed_is_refused(tmp_path, words, shape, affine, header):
    file = nifti_file(tmp_path / "a.nii.gz", shape, affine, **header)
    with pytest.raises(DataError, match=words) as refusal:
        datasets.nifti(file)
    assert str(tmp_path) not in one_sentence(refusal.value)


def test_what_is_no_nifti_file_is_refused(tmp_path, monkeypatch):
    whole = nifti_file(tmp_path / "a.nii.gz", (20, 20, 20), np.eye(4)).read_bytes()
    junk = {"none.nii": None, "empty.nii.gz": b"", "text.nii.gz": b"hello", "text.nii": b"hello" * 200,
            "cut.nii.gz": whole[: len(whole) // 2], "cut.nii": nifti_file(tmp_path / "b.nii").read_bytes()[:400],
            "header.nii": b"\x00" * 352}  # fmt: skip
    for name, raw in junk.items():
        if raw is not None:
            (tmp_path / name).write_bytes(raw)
        with pytest.raises(DataError) as refusal:
            datasets.nifti(tmp_path / name)
        assert name in one_sentence(refusal.value)
    with pytest.raises(DataError, match="no file"):
        datasets.nifti(tmp_path)
    monkeypatch.setattr(read, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match="too large"):
        datasets.nifti(tmp_path / "a.nii.gz")


def test_damaged_nifti_files_never_escape(tmp_path):
    """Random bytes changed: the file is read or refused in one sentence."""
    raw, rng = nifti_file(tmp_path / "a.nii", affine=np.eye(4)).read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(raw)
        for place in rng.integers(0, 352, 4):
            damaged[place] = rng.integers(256)
        (tmp_path / "d.nii").write_bytes(bytes(damaged))
        with contextlib.suppress(DataError), np.errstate(all="ignore"):
            datasets.nifti(tmp_path / "d.nii")


# ---------------------------------------------------------------------------- outlines


def crops(n=5, size=16, seed=0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    packed = np.zeros((n, size, size), np.uint8)
    for i in range(n):
        for k in range(i % 4 + 1):
            packed[i, 4 : 8 + k, 3 : 9 + i % 3] |= 1 << k
    return {"images": rng.integers(0, 256, (n, size, size), dtype=np.uint8), "reader_masks": packed,
            "patient_id": np.array([f"LIDC-IDRI-{i // 2 + 1:04d}" for i in range(n)]),
            "nodule": np.array([f"nodule-{i % 2}" for i in range(n)]),
            "slice": np.array(["slice-9.png"] * n)}  # fmt: skip


def put_folders(root: Path, content: dict[str, np.ndarray]) -> None:
    """The same crops as folders, each with a smaller slice before it, and without the masks that are empty."""
    for image, packed, *names in zip(*content.values(), strict=True):
        nodule = root / names[0] / names[1]
        for k in range(4):
            if (packed >> k & 1).any():
                (nodule / f"mask-{k}").mkdir(parents=True)
                Image.fromarray((packed >> k & 1) * np.uint8(255)).save(nodule / f"mask-{k}" / "slice-9.png")
                Image.fromarray((packed >> k & 1)[:, ::-1] * (np.arange(len(packed)) > 11).astype(np.uint8) * 255).save(
                    nodule / f"mask-{k}" / "slice-10.png")  # fmt: skip
        (nodule / "images").mkdir()
        Image.fromarray(image).save(nodule / "images" / "slice-9.png")
        Image.fromarray(image[::-1]).save(nodule / "images" / "slice-10.png")


def test_lidc_packed_in_folders_and_from_the_clinic_is_the_same_object(monkeypatch, tmp_path):
    content = crops()
    monkeypatch.setitem(standins.WRITERS, "lidc_nodules", lambda folder, progress=None: np.savez(
                        folder / "lidc_nodules.npz", **content))  # fmt: skip
    made = datasets.lidc()
    assert not made.source.is_real and "lidc_nodules.npz" in one_sentence(made.source.note)
    assert datasets.lidc().source == made.source, "kept, and found again"
    put_folders(tmp_path / "lab" / "LIDC-IDRI-slices", content)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "lab"))
    folders = datasets.lidc()
    (places.DATA / "lidc_nodules.npz").write_bytes(npz(**content))
    assert datasets.lidc().source.where == datasets.YOURS, "COURSE_DATA comes first"
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "lab" / "LIDC-IDRI-slices"))
    assert datasets.lidc().source == folders.source
    monkeypatch.delenv("COURSE_DATA")
    packed = datasets.lidc()
    assert packed.source.where == datasets.OURS and packed.source.licence == "CC BY 3.0"
    for found in (made, folders, packed):
        assert found.source.fingerprint == made.source.fingerprint and len(found) == 5
        assert (found.images == content["images"]).all() and (found.table == packed.table).all(axis=None)
        assert found.masks.shape == (5, 4, 16, 16) and found.masks.dtype == bool
        assert list(found.masks.any((2, 3)).sum(1)) == [1, 2, 3, 4, 1]


@pytest.mark.parametrize("spoil", [
    lambda c: c | {"images": c["images"].astype(float)}, lambda c: c | {"images": c["images"][:, :9]},
    lambda c: c | {"reader_masks": c["reader_masks"] + 16}, lambda c: c | {"reader_masks": c["reader_masks"] * 0},
    lambda c: c | {"patient_id": c["patient_id"][:3]}, lambda c: c | {"nodule": np.arange(5)},
    lambda c: {key: value[:0] for key, value in c.items()}, lambda c: {k: v for k, v in c.items() if k != "slice"},
    lambda c: c | {"patient_id": c["patient_id"].astype(object)},
])  # fmt: skip
def test_packed_outlines_that_are_refused(spoil):
    with np.errstate(all="ignore"):
        (places.DATA / "lidc_nodules.npz").write_bytes(npz(**spoil(crops())))
    before = snapshot(places.DATA)
    with pytest.raises(DataError) as caught:
        datasets.lidc()
    assert "lidc_nodules.npz" in one_sentence(caught.value) and snapshot(places.DATA) == before


def test_outline_folders_that_are_refused():
    def refused(words):
        with pytest.raises(DataError) as caught:
            datasets.lidc()
        assert words in one_sentence(caught.value), str(caught.value)

    put_folders(places.DATA, crops())
    nodule = places.DATA / "LIDC-IDRI-0001" / "nodule-1"
    mask, image = nodule / "mask-1" / "slice-9.png", nodule / "images" / "slice-9.png"
    whole = mask.read_bytes()
    mask.write_bytes(whole[:30])
    refused("LIDC-IDRI-0001/nodule-1/mask-1/slice-9.png")
    Image.new("L", (9, 9), 255).save(mask)
    refused("differ in size")
    mask.write_bytes(whole)
    Image.new("L", (20, 20)).save(image)
    refused("differ in size")
    image.write_bytes(b"no picture")
    refused("LIDC-IDRI-0001/nodule-1/images/slice-9.png")
    for folder in places.DATA.glob("LIDC-IDRI-*"):
        shutil.rmtree(folder)
    (nodule / "images").mkdir(parents=True)
    refused("no outlined nodule")


# ---------------------------------------------------------------------------- in the house


def test_the_import_is_light():
    heavy = ("torch", "sklearn", "medmnist", "pooch", "PIL", "matplotlib")
    code = f"import sys, utils.datasets; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]" and out.stderr == ""


def test_the_examples_in_the_docstrings(monkeypatch):
    """Offline, with the clinic's data, and fast; `pytest --doctest-modules utils/datasets` runs them, too."""
    import doctest

    monkeypatch.setattr(places, "DELAY_S", 1e9)  # on a busy machine a bar would stand in the output
    start = time.monotonic()
    found = doctest.testmod(datasets)
    assert found.failed == 0 and found.attempted >= 10
    assert time.monotonic() - start < 20


def test_a_notebook_shows_the_sentence_and_no_traceback():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        shell.run_cell("from utils import datasets\ndatasets.load('mnist')")
    assert out.getvalue().startswith("DataError: No data set is called 'mnist': choose dermamnist, ")
    assert "\n" not in out.getvalue().strip()


def test_medmnist_still_states_addresses_checksums_and_counts():
    import runpy
    from importlib.util import find_spec

    package = Path(find_spec("medmnist").origin)  # info.py alone: importing the whole package would import torch
    INFO = runpy.run_path(str(package.with_name("info.py")))["INFO"]
    for name in ("dermamnist", "pneumoniamnist"):
        card, info = CARDS[name], INFO[name]
        assert (card.url, card.md5, card.licence) == (info["url"], info["MD5"], info["license"])
        assert card.counts == tuple(info["n_samples"].values()) and len(card.classes) == len(info["label"])
        assert (card.shape + (1,))[2] == info["n_channels"]


def test_data_cards_and_records_agree():
    """data/README.md has a section for each record, and it states the record's licence, counts and address."""
    text = (REPO / "data" / "README.md").read_text(encoding="utf-8")
    sections = {section.split("\n")[0]: section for section in text.split("\n## ")[1:]}
    for name, card in CARDS.items():
        section = sections[SECTIONS[name]]
        stem = re.split(r"[/*]", card.files[0])[0]
        assert stem in section, (name, stem)
        assert card.licence.split(" (")[0].lower() in section.lower(), (name, card.licence)
        for count in card.counts:
            assert f"{count:,}" in section or str(count) in section, (name, count)
        for key in (*card.classes, *card.columns, card.md5):
            assert key in section, (name, key)
        for doi in re.findall(r"doi:(\S+?)(?:;|$)", card.citation):
            assert doi in text, (name, doi)
        for author in re.findall(r"(\w+) et al", card.citation):
            assert author in section, (name, author)
        row = next(line for line in text.split("\n") if line.startswith("|") and f"`{stem}" in line)
        *_, fetched, without, _ = row.split("|")
        assert fetched.strip().startswith("yes") == bool(card.url), row
        assert "synthetic" in without, row
    assert {card.writer for card in CARDS.values()} - {""} == set(standins.WRITERS), "what the clinic writes is used"
    for word in ("COURSE_DATA", "COURSE_OFFLINE"):
        assert word in text


SECTIONS = {
    "dermamnist": "DermaMNIST", "dermamnist_split_info": "HAM10000's table and the split table",
    "ham10000_metadata": "HAM10000's table and the split table", "ham10000_lesion_masks": "HAM10000's lesion masks",
    "pneumoniamnist": "PneumoniaMNIST", "chest_xray": "Children's chest X-rays",
    "mr_t1_series": "T1-weighted head MR", "lidc_nodules": "LIDC nodules", "ct_volume": "CT", "ct_slices": "CT",
    "rsna": "RSNA pneumonia", "covid19": "COVID-19-20", "healthy_ct": "CT of healthy people",
    "hippocampus": "Hippocampus", "malaria_cells": "Malaria cells", "brain_tumours": "Brain tumours",
}  # fmt: skip


def test_the_repr_of_a_card_is_its_record():
    lines = repr(CARDS["dermamnist"]).split("\n")
    for word in ("CC BY-NC 4.0", "7007", "dermamnist.npz", "medmnist", "Tschandl", "0744692d530f8e62ec473284d019b0c7"):
        assert any(word in line for line in lines), word
    assert not any(line.startswith("columns") for line in lines), "what a set has not is not printed"


# ---------------------------------------------------------------------------- a new set is one record


def test_a_new_data_set_is_one_record(monkeypatch, tmp_path):
    """Registered here, and then it is there: real, generated, with card, licence and fingerprint."""

    def reader(place):  # the one reader of its format
        values = read.arrays(place, "volume")["volume"]
        return datasets.Scan(values, (1, 1, 1), np.eye(4), place.source(values))

    def writer(folder, progress=None):
        assert list(progress(range(3))) == [0, 1, 2]
        np.savez(folder / "hearts.npz", volume=np.arange(24, dtype=np.int16).reshape(2, 3, 4))

    card = datasets.Card(name="hearts", title="Hearts", files=("hearts.npz",), reader=reader, writer="hearts",
                         shape=(2, 3, 4), citation="Nobody 2026", licence="CC0")  # fmt: skip
    monkeypatch.setitem(CARDS, "hearts", card)
    monkeypatch.setitem(standins.WRITERS, "hearts", writer)
    made = datasets.load("hearts")
    assert not made.source.is_real and made.source.where == datasets.CLINIC and made.source.licence == "as the course"
    assert "data/ does not hold hearts.npz; data/README.md says how to get it" in one_sentence(made.source.note)
    (tmp_path / "lab").mkdir()
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "lab"))
    (tmp_path / "lab" / "hearts.npz").write_bytes(npz(volume=made.array))
    real = datasets.load("hearts")
    assert real.source.is_real and real.source.where == datasets.YOURS
    assert real.source.licence == "CC0" and real.source.citation == "Nobody 2026" and "CC0" in repr(CARDS["hearts"])
    assert real.source.fingerprint == made.source.fingerprint == fingerprint(made.array)
    (tmp_path / "lab" / "hearts.npz").write_bytes(npz(volume=made.array)[:99])
    with pytest.raises(DataError, match="hearts.npz in your COURSE_DATA folder is not a whole .npz file"):
        datasets.load("hearts")
    with pytest.raises(DataError, match="hearts has no size"):
        datasets.load("hearts", size=3)


def test_a_new_set_of_a_known_format_needs_the_record_only(monkeypatch):
    card = replace(CARDS["pneumoniamnist"], name="bones", title="Bones", files=("bones.npz",), writer="", url="",
                   classes=("a", "b", "c"), shape=(32, 32), counts=(20, 10, 10))  # fmt: skip
    monkeypatch.setitem(CARDS, "bones", card)
    with pytest.raises(DataError) as caught:
        datasets.load("bones")
    assert "bones.npz: data/README.md says how to get it" in one_sentence(caught.value)
    (places.DATA / "bones.npz").write_bytes(npz(**arrays(shape=(32, 32), classes=3)))
    pile = datasets.load("bones")
    assert pile.classes == ("a", "b", "c") and pile.train.images.shape == (20, 32, 32) and pile.source.is_real


# ---------------------------------------------------------------------------- the clinic's sets are what they were


def digest(*content) -> str:
    """A fingerprint of tables, arrays, texts: of what they hold, in whatever file it was."""
    parts = []
    for item in content:
        if isinstance(item, pd.DataFrame):
            kinds = [f"{name}:{'text' if kind.kind not in 'if' else kind}" for name, kind in item.dtypes.items()]
            parts += [pd.util.hash_pandas_object(item, index=True).to_numpy(), " ".join(kinds).encode()]
        else:
            parts.append(item.encode() if isinstance(item, str) else item)
    return fingerprint(*parts)


def content_of(name: str) -> list[str]:
    """Fingerprints of what a set holds; for the archives, whose own one names the clinic's code, of what they hold."""
    if name == "dermamnist":
        pile = datasets.load(name, metadata=True)
        tables = [part.table for part in (pile.train, pile.val, pile.test)]
        return [pile.source.fingerprint, digest(*tables), digest(*datasets.masks(pile).values())]
    pile = datasets.load(name)
    if name == "rsna":
        return [digest(pile.films, pile.boxes), digest(*(pile.read(film)[0] for film in pile.films["film"][:9]))]
    if name == "covid19":
        return [digest(pile.cases), digest(*(a for case in pile.cases["case"][:3]
                                             for scan, mask in [pile.read(case)] for a in (scan.array, mask)))]
    return [pile.source.fingerprint]


PRINTS = {  # at commit 107f48a, before the clinic wrote files for every set
    "dermamnist": ["b1802edc3985", "685b6ae17c84", "786ca8b76a91"],
    "pneumoniamnist": ["37567dac8c03"],
    "mr_t1_series": ["a9a070fb43c0"],
    "lidc_nodules": ["999717fedf28"],
    "ct_volume": ["a7274238cf8b"],
    "ct_slices": ["04c79b8c6dfe"],
    "rsna": ["53ee560ddd5f", "5d4cce1d7790"],
    "covid19": ["8eb955ea39a1", "e9614a5ce6c6"],
}


@pytest.mark.parametrize("name", PRINTS)
def test_the_clinics_sets_are_what_they_were(name, monkeypatch):
    """Kept in data/synthetic, so that only new code in the clinic makes this slow (two minutes).

    The archives have grown since: their first patients are those of before.
    """
    first = {"rsna": (standins.write_rsna, 300), "covid19": (standins.write_covid, 20)}
    if name in first:
        write, patients = first[name]
        smaller = standins._in(name, functools.partial(write, patients=patients))
        monkeypatch.setitem(standins.WRITERS, name, smaller)
    else:
        monkeypatch.undo()
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    monkeypatch.delenv("COURSE_DATA", raising=False)
    assert content_of(name) == PRINTS[name]


HAS_REAL = bool(SESSION_DATA) and (REPO / SESSION_DATA / "dermamnist.npz").is_file()


@pytest.mark.skipif(not HAS_REAL, reason="needs the real DermaMNIST in COURSE_DATA")
def test_the_real_set(monkeypatch):
    monkeypatch.setattr(places, "DATA", REPO / "data")
    monkeypatch.setenv("COURSE_DATA", SESSION_DATA)
    start = time.perf_counter()
    pile = datasets.load("dermamnist", metadata=True)
    assert time.perf_counter() - start < 2
    assert pile.source.is_real and (len(pile.train), len(pile.val), len(pile.test)) == (7007, 1003, 2005)
    assert np.isin(pile.test.lesions, pile.train.lesions).sum() == 693
    assert np.isin(pile.test.lesions, np.concatenate([pile.train.lesions, pile.val.lesions])).sum() == 773
    ages = pd.concat([part.table["age"] for part in (pile.train, pile.val, pile.test)])
    assert ages.isna().sum() == 57
    assert datasets.load("pneumoniamnist").source.is_real
