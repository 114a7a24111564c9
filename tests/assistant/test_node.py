"""The node: what it answers to a scanner and sends to an archive, what it refuses, and that it loses nothing."""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import importlib.util
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch

from assistant import defaults, files, gate, reader
from utils.clinic import chest, dicomfile
from utils.clinic.patient import make_patient

EXTRAS = all(importlib.util.find_spec(name) for name in ("pynetdicom", "highdicom"))
if EXTRAS:
    import pynetdicom
    from pynetdicom import evt, sop_class

    from assistant import node, objects

ROOT = Path(__file__).resolve().parents[2]
REPORT, CAPTURE = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.7"
NAME, NUMBER = "Zumstein^Adelheid", "PID-4711"
SIDE = 32


@pytest.fixture(autouse=True)
def _extras(request):
    if not EXTRAS and "without_the_extra" not in request.node.name:
        pytest.skip("needs pynetdicom and highdicom: make environment EXTRAS=assistant")


def picture(k, size=64):
    patient = make_patient(k, ["normal", "opacity"][k % 2], vessels=4, severity=3.0)
    return (chest.picture(patient, chest.Site(), size, k)[0] / 16.06).astype(np.uint8)


@pytest.fixture(scope="session")
def by():
    """A reader of 32 pixels whose gate lets everything in, in some seconds."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    images, labels = np.stack([picture(k, SIDE) for k in range(80)]), np.arange(80) % 2
    trained = defaults.network(images[:40], labels[:40], ("well", "ill"), turns=False, epochs=2, widths=(4, 8, 16))
    made = reader.build(trained, images[40:], labels[40:], None, gate_images=images[:40], title="test films",
                        source="the clinic", accepts=files.ACCEPTS["chest"], count=40, epochs=1)  # fmt: skip
    torch.set_num_threads(before)
    return replace(made, gate=gate.Gate(made.gate.model, made.gate.known, np.array([np.inf])))


@pytest.fixture(scope="session")
def pixels():
    return [picture(k) for k in range(4)]


def film(pixels, k, jpeg=False, sop=dicomfile.CR, **tags):
    """The k-th film, of a study of its own."""
    tags = {"Modality": "CR", "ViewPosition": "PA", "PatientName": NAME, "PatientID": NUMBER, "PatientSex": "F",
            "PatientBirthDate": "19400229", "StudyDate": "20200102", "StudyTime": "0930", "BodyPartExamined": "CHEST",
            "PatientOrientation": ["L", "F"], "InstanceNumber": 1} | tags  # fmt: skip
    return dicomfile.dataset(pixels[k % len(pixels)], sop, f"study {k}", 1, 1, tags, jpeg=jpeg)


class Archive:
    """Keeps what is sent to it; `say(object)` may answer something else than success."""

    def __init__(self, port=0, say=lambda made: 0x0000, takes=(REPORT, CAPTURE)):
        self.got, self.say = [], say
        entity = pynetdicom.AE("ARCHIVE")
        for name in takes:
            entity.add_supported_context(name)
        entity.require_called_aet = True
        self.entity, self.lock = entity, threading.Lock()
        server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._kept)])
        self.port = server.socket.getsockname()[1]

    def _kept(self, event):
        made = event.dataset
        made.file_meta = event.file_meta
        self.now = event.assoc
        status = self.say(made)
        if status == 0x0000:
            with self.lock:
                self.got.append(made)
        return status

    def count(self, kind):
        return len([made for made in self.got if made.SOPClassUID == kind])

    def stop(self):
        self.entity.shutdown()


@pytest.fixture
def archive():
    made = Archive()
    yield made
    made.stop()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def running(by, port, folder, **more):
    """A node in this process, which answers to an archive at a port."""
    peer = node.Peer("ARCHIVE", "127.0.0.1", port)
    here = node.Peer("READER", "127.0.0.1", 0)
    started = node.Node(by, peer, node.Spool(folder, free=0), here, first_wait=0.1, **more).start()
    try:
        yield started
    finally:
        started.stop()


@contextlib.contextmanager
def association(to, title="READER", sender="SCANNER"):
    entity = pynetdicom.AE(sender)
    entity.acse_timeout = entity.dimse_timeout = 30
    entity.add_requested_context(sop_class.Verification)
    for name in (dicomfile.CR, dicomfile.CT):
        entity.add_requested_context(name)
    entity.add_requested_context(dicomfile.CR, pydicom.uid.JPEGBaseline8Bit)
    peer = entity.associate("127.0.0.1", to, ae_title=title)
    yield peer
    if peer.is_established:
        peer.release()


def send(to, *films):
    with association(to) as peer:
        assert peer.is_established
        return [peer.send_c_store(one) for one in films]


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def left(folder):
    """Images in a spool, whole or half."""
    return [file for file in Path(folder).iterdir() if file.name != "lock"]


def items(container):
    for item in container.get("ContentSequence", ()):
        yield item
        yield from items(item)


def named(made, meaning):
    """The content items whose concept begins so."""
    with_names = (item for item in items(made) if "ConceptNameCodeSequence" in item)
    return [item for item in with_names if item.ConceptNameCodeSequence[0].CodeMeaning.startswith(meaning)]


# ---------------------------------------------------------------------------- what it answers


def test_a_film_in_and_a_report_and_a_capture_out(by, pixels, archive, tmp_path):
    sent = film(pixels, 1)
    with running(by, archive.port, tmp_path) as here:
        with association(here.here.port) as peer:
            assert peer.send_c_echo().Status == 0x0000
        assert [answer.Status for answer in send(here.here.port, sent)] == [0x0000]
        until(lambda: len(archive.got) == 2 and not left(tmp_path))
    report, capture = archive.got
    assert (report.SOPClassUID, capture.SOPClassUID) == (REPORT, CAPTURE)
    for made in archive.got:
        for keyword in ("StudyInstanceUID", "PatientName", "PatientID", "PatientBirthDate", "StudyDate"):
            assert made[keyword].value == sent[keyword].value
        assert made.SeriesInstanceUID != sent.SeriesInstanceUID and "not a medical device" in made.SeriesDescription
        for element in (made["SOPInstanceUID"], made["SeriesInstanceUID"]):
            assert pydicom.uid.UID(element.value).is_valid and len(element.value) <= 64
    assert (report.PreliminaryFlag, report.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    (source,) = named(report, "Source of Measurement")
    assert source.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == sent.SOPInstanceUID
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert evidence.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == sent.SOPInstanceUID
    found = by.read(pixels_of(sent), "The image")
    for name, value in zip(found.classes, found.probabilities, strict=True):
        (item,) = named(report, f"Probability of {name}")
        assert float(item.MeasuredValueSequence[0].NumericValue) == pytest.approx(value, abs=1e-4)
    chosen = {item.ConceptCodeSequence[0].CodeMeaning for item in named(report, "In the 90 % set")}
    assert chosen == set(found.plausible)
    (words,) = named(report, "Comment")
    assert "not why" in words.TextValue and "not a medical device" in words.TextValue
    assert "PatientName" not in words.TextValue
    assert capture.pixel_array.shape[2] == 3 and capture.PhotometricInterpretation == "RGB"
    assert capture.BodyPartExamined == "CHEST" and list(capture.PatientOrientation) == ["L", "F"]
    assert capture.SourceImageSequence[0].ReferencedSOPInstanceUID == sent.SOPInstanceUID


def test_what_is_answered_again_is_the_same_to_the_byte(by, pixels):
    sent, when, made = pixels_of(film(pixels, 0)), datetime.datetime(2026, 1, 2, 3, 4, 5), []
    for _ in range(2):
        made.append([pixels_of(one) for one in objects.answer(objects.header(sent), by.read(sent), "0" * 12, when)])
        time.sleep(1.1)  # times are written to the second
    assert made[0] == made[1] and len(made[0]) == 2


@pytest.mark.parametrize("tags", [{}, {"BodyPartExamined": ""}, {"BodyPartExamined": "SKIN"}, {"Laterality": "L"},
                                  {"BodyPartExamined": "HEAD"}, {"LossyImageCompression": "01",
                                  "LossyImageCompressionRatio": "10", "LossyImageCompressionMethod": "ISO_10918_1"}],
                         ids=str)  # fmt: skip
def test_answers_are_valid_whatever_the_part_of_the_body(by, pixels, tmp_path, tags):
    checks, sent = program("dciodvfy"), pixels_of(film(pixels, 0, **tags))
    when = datetime.datetime(2026, 1, 2, 3, 4, 5)
    made = objects.answer(objects.header(sent), replace(by, accepts={}).read(sent), "0123456789ab", when)
    assert len(made) == 2
    assert made[1].get("LossyImageCompression") == tags.get("LossyImageCompression")
    for one in made:
        one.save_as(tmp_path / "one.dcm", enforce_file_format=True)
        done = asks(checks, "-new", tmp_path / "one.dcm")
        assert "Error" not in done.stdout + done.stderr, done.stderr


def pixels_of(data):
    stream = pydicom.filebase.DicomBytesIO()
    data.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


@pytest.mark.parametrize("why", ["header", "gate"])
def test_declined_is_a_report_that_says_so_and_nothing_more(by, pixels, archive, tmp_path, why):
    shut = by if why == "header" else replace(by, gate=gate.Gate(by.gate.model, by.gate.known, np.array([-np.inf])))
    with running(shut, archive.port, tmp_path) as here:
        sent = film(pixels, 0, **{"ViewPosition": "LL"} if why == "header" else {})
        assert send(here.here.port, sent)[0].Status == 0x0000
        until(lambda: archive.got and not left(tmp_path))
    (report,) = archive.got
    assert report.SOPClassUID == REPORT and not [item for item in items(report) if item.ValueType == "NUM"]
    assert named(report, "Outcome")[0].ConceptCodeSequence[0].CodeMeaning.startswith("Declined")
    assert named(report, "Comment")[0].TextValue.startswith("DECLINED. The")


def test_a_repeat_has_the_same_uids_and_another_reader_has_others(by, pixels, archive, tmp_path):
    other = replace(by, temperature=by.temperature * 1.5)
    for who in (by, by, other):
        with running(who, archive.port, tmp_path) as here:
            before = len(archive.got)
            send(here.here.port, film(pixels, 0))
            until(lambda: len(archive.got) == before + 2 and not left(tmp_path))  # noqa: B023
    made = [one.SOPInstanceUID for one in archive.got]
    assert made[:2] == made[2:4] and len(set(made)) == 4
    assert objects.version_of(by) == objects.version_of(by) != objects.version_of(other)


def test_whatever_may_change_an_answer_changes_the_version(by):
    gated = gate.Gate(by.gate.model, by.gate.known, np.zeros(1))
    others = [replace(by, trained=replace(by.trained, classes=by.classes[::-1])), replace(by, gate=gated),
              replace(by, trained=replace(by.trained, mean=by.trained.mean + 1)), replace(by, prior=by.prior + 1),
              replace(by, accepts={}), replace(by, cropped=True), replace(by, title="other")]  # fmt: skip
    assert len({objects.version_of(one) for one in [by, *others]}) == 1 + len(others)


@pytest.mark.parametrize(
    "tags",
    [
        {"PatientName": "Müller^Jörg", "PatientBirthDate": "", "BodyPartExamined": ""},
        {"PatientName": "Anonymous", "StudyDate": "last year", "PatientID": "x" * 70},
        {"PatientName": "山田^太郎", "SpecificCharacterSet": "ISO_IR 192", "PatientOrientation": ""},
        {"InstanceNumber": None, "PatientSex": "unknown", "StudyTime": "25:99"},
        {"BodyPartExamined": ["CHEST", "LUNG"]},
    ],
    ids=["umlauts", "against the rules", "unicode", "odd", "two parts"],
)
def test_headers_of_other_people(by, pixels, archive, tmp_path, tags):
    with running(by, archive.port, tmp_path) as here:
        sent = film(pixels, 0, **tags)
        if "Anonymous" in tags.values():
            del sent.AccessionNumber, sent.ReferringPhysicianName, sent.StudyID, sent.PatientBirthDate
        assert send(here.here.port, sent)[0].Status == 0x0000
        until(lambda: len(archive.got) == 2 and not left(tmp_path))
    for made in archive.got:
        assert str(made.PatientName) == tags.get("PatientName", NAME)
        assert made.get("PatientID") == sent.PatientID


# ---------------------------------------------------------------------------- what it refuses


def broken_jpeg(pixels):
    data = film(pixels, 3, jpeg=True)
    data.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xe0 this is no picture"])
    return data


def without(data, keyword):
    delattr(data, keyword)
    return data


BAD = {
    "another modality": (lambda p: film(p, 2, Modality="MR"), 0xA900),
    "a CT": (lambda p: film(p, 2, sop=dicomfile.CT, Modality="CT"), 0xA900),
    "a CT that says CR": (lambda p: film(p, 2, sop=dicomfile.CT), 0xA900),
    "a CT that says nothing": (lambda p: without(film(p, 2, sop=dicomfile.CT), "Modality"), 0xA900),
    "two frames": (lambda p: film([np.vstack([p[2], p[2]])], 2, Rows=64, NumberOfFrames=2), 0xC210),
    "our own answer": (lambda p: film(p, 2, Manufacturer="BENDER course"), 0xA900),
    "rows doubled": (lambda p: film(p, 2, Rows=128), 0xC210),
    "no rows": (lambda p: without(film(p, 2), "Rows"), 0xC210),
    "4 GB claimed": (lambda p: film(p, 2, Rows=65535, Columns=65535), 0xC210),
    "no pixels": (lambda p: without(film(p, 2), "PixelData"), 0xC210),
    "broken JPEG": (broken_jpeg, 0xC210),
    "no study": (lambda p: without(film(p, 2), "StudyInstanceUID"), 0xC210),
    "a UID of words": (lambda p: film(p, 2, SeriesInstanceUID=NAME), 0xC210),
}


def test_refused_with_a_status_and_a_sentence_and_the_next_one_is_served(by, pixels, archive, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "assistant.node")
    with running(by, archive.port, tmp_path) as here:
        for kind, (make, status) in BAD.items():
            (answer,) = send(here.here.port, make(pixels))
            assert answer.Status == status, kind
            assert 0 < len(answer.ErrorComment) <= 64, kind
            assert kind != "two frames" or "several pictures" in answer.ErrorComment
        assert not left(tmp_path)
        assert send(here.here.port, film(pixels, 0, jpeg=True))[0].Status == 0x0000, "the next one"
        until(lambda: len(archive.got) == 2 and not left(tmp_path))
    said = "\n".join(record.getMessage() for record in caplog.records if record.name == "assistant.node")
    assert said.count("refused") == len(BAD) and "answered" in said
    for secret in (NAME.split("^")[0], NUMBER, "2.25."):
        assert secret not in said


def test_a_request_that_names_another_object_is_refused(by, pixels, archive, tmp_path):
    with running(by, archive.port, tmp_path) as here:
        event = type("Event", (), {})()
        event.request = type("Request", (), {"AffectedSOPClassUID": dicomfile.CR, "AffectedSOPInstanceUID": "1.2.3"})()
        event.encoded_dataset = lambda: pixels_of(film(pixels, 0))
        assert here._stored(event).Status == 0xA900
    assert not left(tmp_path)


@pytest.mark.parametrize(("character_set", "readable"), [
    ("ISO_IR 192", False), ("ISO_IR 999", False), ("iso_ir 100", False), ("ISOIR100", False), ("ISO_IR 100", True),
    ("ISO IR 100", True), ("ISO-IR 100", True)])  # fmt: skip
def test_a_name_that_cannot_be_decoded_is_refused_and_none_is_altered(pixels, character_set, readable):
    raw = pixels_of(film(pixels, 0, PatientName="M_ller^J_rg", SpecificCharacterSet="ISO_IR 192"))
    raw = raw.replace(b"M_ller^J_rg", b"M\xfcller^J\xf6rg").replace(b"ISO_IR 192", character_set.encode())  # Latin-1
    if readable:
        assert str(objects.header(raw).PatientName) == "Müller^Jörg"
    else:
        with pytest.raises(ValueError, match="damaged texts|unknown character set"):
            objects.header(raw)


@pytest.mark.parametrize("how", ["no room", "while writing"])
def test_a_full_disk_is_said_and_leaves_nothing(by, pixels, archive, tmp_path, monkeypatch, how):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with running(by, archive.port, tmp_path) as here:
        with monkeypatch.context() as patch:
            if how == "no room":
                patch.setattr(here.spool, "free", 1 << 60)
            else:
                patch.setattr("assistant.spool.os.fsync", full)
            (answer,) = send(here.here.port, film(pixels, 0))
            assert answer.Status == 0xA700 and answer.ErrorComment
            assert not left(tmp_path)
            with association(here.here.port) as peer:
                assert peer.send_c_echo().Status == 0x0000
        assert send(here.here.port, film(pixels, 0))[0].Status == 0x0000
        until(lambda: len(archive.got) == 2)


def test_who_may_call_how_many_and_from_where(by, archive, tmp_path):
    with running(by, archive.port, tmp_path, senders=("SCANNER",)) as here:
        port = here.here.port
        for how in ({"title": "WRONG"}, {"sender": "STRANGER"}):
            with association(port, **how) as peer:
                assert peer.is_rejected
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(association(port)) for _ in range(node.MOST_SENDERS)]
            assert all(peer.is_established for peer in peers)
            assert peers[0].acceptor.maximum_length == node.MOST_PDU
            with association(port) as peer:
                assert peer.is_rejected
            assert peers[-1].send_c_echo().Status == 0x0000
        until(lambda: not [one for one in here._entity.active_associations if one.is_acceptor])
        with association(port) as peer:
            assert peer.is_established
        assert [server.server_address[0] for server in here._entity._servers] == ["127.0.0.1"]
    assert node.Node(by, None, None).here.host == "127.0.0.1"


def test_what_keeps_the_node_from_starting_is_one_sentence(kept, tmp_path, monkeypatch):
    monkeypatch.setattr(node.signal, "signal", lambda *_: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        here = f"READER@127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SystemExit, match="cannot start .* no other node running at READER@127.0.0.1"):
            node.main(["--reader", str(kept), "--spool", str(tmp_path), "--here", here])
    with pytest.raises(SystemExit, match="no file none.pt"):
        node.main(["--reader", str(tmp_path / "none.pt"), "--spool", str(tmp_path)])


def test_one_spool_one_node(by, archive, tmp_path):
    for _ in range(2):
        with running(by, archive.port, tmp_path), pytest.raises(OSError):
            node.Spool(tmp_path)


def test_the_sender_survives_a_disk_that_fails_and_an_archive_that_takes_no_captures(by, pixels, tmp_path, monkeypatch):
    failing, archive = [True], Archive(takes=[REPORT])
    real = node.Spool.jobs

    def jobs(spool):
        if failing:
            raise OSError(errno.EIO, NAME)
        return real(spool)

    monkeypatch.setattr(node.Spool, "jobs", jobs)
    with running(by, archive.port, tmp_path) as here:
        assert send(here.here.port, film(pixels, 0))[0].Status == 0x0000
        failing.clear()
        time.sleep(0.5)
        assert len(left(tmp_path)) == 1 and not archive.got
        archive.stop()
        archive = Archive(archive.port)
        until(lambda: len(archive.got) == 2 and not left(tmp_path))
    archive.stop()


@pytest.mark.parametrize("text", ["", "ARCHIVE", "A@b", "A@:1", "A@b:x", "A@b:65536", "A@b:²"])
def test_an_address_that_is_none(text):
    with pytest.raises(node.argparse.ArgumentTypeError, match="TITLE@HOST:PORT"):
        node.Peer.of(text)


@pytest.mark.parametrize("title", ["", "   ", "A" * 17, "ÄRZTE", "A\\B", "A\nB"])
def test_a_title_that_is_none(title):
    for of in (node.title_of, lambda text: node.Peer.of(f"{text}@b:1")):
        with pytest.raises(node.argparse.ArgumentTypeError, match="is no title"):
            of(title)


def test_without_the_extra_one_sentence_says_what_to_do():
    code = "import sys; sys.modules['pynetdicom'] = None; sys.modules['highdicom'] = None; "
    for how in ("import assistant.node", "import runpy; runpy.run_module('assistant.node', run_name='__main__')"):
        done = subprocess.run([sys.executable, "-c", code + how], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode and "make environment EXTRAS=assistant" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


# ---------------------------------------------------------------------------- that it loses nothing


def test_the_archive_is_down_and_all_arrive_later(by, pixels, tmp_path):
    port = free_port()
    with running(by, port, tmp_path) as here:
        answers = send(here.here.port, *(film(pixels, k) for k in range(5)))
        assert {answer.Status for answer in answers} == {0x0000} and len(left(tmp_path)) == 5
        with association(here.here.port) as peer:
            assert peer.send_c_echo().Status == 0x0000
        assert len(left(tmp_path)) == 5
        assert all(file.stat().st_mode & 0o077 == 0 for file in left(tmp_path)) or os.name != "posix"
        archive = Archive(port)
        until(lambda: len(archive.got) == 10 and not left(tmp_path))
        archive.stop()
    assert len({made.SOPInstanceUID for made in archive.got}) == 10


@pytest.mark.parametrize("how", ["refuses", "hangs up"])
def test_a_job_stays_until_both_objects_are_acknowledged(by, pixels, tmp_path, how):
    asked = []

    def say(made):
        asked.append(made)
        if made.SOPClassUID == CAPTURE and len(asked) < 6:
            if how == "hangs up":
                archive.now.abort()
            return 0xA700
        return 0x0000

    archive = Archive(say=say)
    with running(by, archive.port, tmp_path) as here:
        assert {answer.Status for answer in send(here.here.port, film(pixels, 0), film(pixels, 1))} == {0x0000}
        until(lambda: not left(tmp_path))
    archive.stop()
    assert len({made.SOPInstanceUID for made in archive.got}) == 4 and archive.count(CAPTURE) == 2


def test_one_film_that_makes_the_archive_hang_up_holds_up_no_other(by, pixels, tmp_path):
    films = [film(pixels, k) for k in range(4)]

    def say(made):
        if made.StudyInstanceUID == films[0].StudyInstanceUID:
            archive.now.abort()
        return 0x0000

    archive = Archive(say=say)
    with running(by, archive.port, tmp_path) as here:
        send(here.here.port, *films)
        until(lambda: len({made.StudyInstanceUID for made in archive.got} - {films[0].StudyInstanceUID}) == 3)
        until(lambda: len(left(tmp_path)) == 1)
    archive.stop()


def test_a_file_that_cannot_be_removed_holds_up_no_other(by, pixels, archive, tmp_path, monkeypatch):
    real, films = node.Spool.drop, [film(pixels, k) for k in range(3)]
    stuck = hashlib.sha256(films[0].SOPInstanceUID.encode()).hexdigest()[:8]

    def drop(spool, job):
        if stuck in job.name:
            raise PermissionError(errno.EACCES, NAME)
        real(spool, job)

    monkeypatch.setattr(node.Spool, "drop", drop)
    with running(by, archive.port, tmp_path) as here:
        send(here.here.port, *films)
        until(lambda: len({made.StudyInstanceUID for made in archive.got}) == 3 and len(left(tmp_path)) == 1)


def test_what_is_refused_for_good_is_put_aside_and_what_is_there_is_there(by, pixels, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(node, "LONGEST_WAIT", 0.1)
    films, asked, statuses = [film(pixels, k) for k in range(4)], [], [0xA901, 0x0111, 0xA700, 0x0000]

    def say(made):
        asked.append([one.StudyInstanceUID for one in films].index(made.StudyInstanceUID))
        return 0x0000 if asked[-1] == 2 and asked.count(2) > 5 else statuses[asked[-1]]  # it has room again, later

    archive = Archive(say=say)
    with running(by, archive.port, tmp_path) as here:
        (tmp_path / "foreign.dcm").write_bytes(pixels_of(films[0]))  # nobody acknowledged it: left alone
        send(here.here.port, *films)
        until(lambda: asked.count(0) > 5 and asked.count(2) > 5)
        assert not (tmp_path / "refused").exists(), "a day is not over"
        monkeypatch.setattr(node, "DAY", 0.0)
        until(lambda: {file.name for file in left(tmp_path)} == {"refused", "foreign.dcm"})
    archive.stop()
    assert asked.count(1) == asked.count(3) == 2
    (kept,) = (tmp_path / "refused").iterdir()
    assert kept.read_bytes()[:132].endswith(b"DICM")
    assert "not tried again: the archive said 0xA901" in caplog.text


def test_the_node_stops_though_the_archive_is_silent(by, pixels, tmp_path, monkeypatch):
    monkeypatch.setattr(node, "GRACE", 0.5)
    asked, over = threading.Event(), threading.Event()

    def say(_):
        asked.set()
        over.wait(30)
        return 0x0000

    archive = Archive(say=say)
    with running(by, archive.port, tmp_path) as here:
        send(here.here.port, film(pixels, 0))
        assert asked.wait(30)
        began = time.monotonic()
    assert time.monotonic() - began < 10 and len(left(tmp_path)) == 1
    over.set()
    archive.stop()


def test_what_the_reader_cannot_answer_stays_and_others_go_on(by, pixels, archive, tmp_path, monkeypatch):
    real, poison = objects.answer, film(pixels, 0)

    def answer(image, *rest):
        if image.SOPInstanceUID == poison.SOPInstanceUID and not cured:
            raise RuntimeError(NAME)
        return real(image, *rest)

    cured = []
    monkeypatch.setattr(objects, "answer", answer)
    with running(by, archive.port, tmp_path) as here:
        send(here.here.port, poison, film(pixels, 1))
        until(lambda: len(archive.got) == 2)
        assert len(left(tmp_path)) == 1
        cured.append(True)
        until(lambda: len(archive.got) == 4 and not left(tmp_path))


def test_two_hundred_films_of_four_senders_and_none_is_lost(by, pixels, archive, tmp_path):
    answers = []

    def one(first):
        answers.extend(send(here.here.port, *(film(pixels, k) for k in range(first, 200, 4))))

    with running(by, archive.port, tmp_path) as here:
        senders = [threading.Thread(target=one, args=(k,)) for k in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert len(answers) == 200 and {answer.Status for answer in answers} == {0x0000}
        until(lambda: not left(tmp_path), 120)
    assert len(archive.got) == len({made.SOPInstanceUID for made in archive.got}) == 400
    assert len({made.StudyInstanceUID for made in archive.got}) == 200


@pytest.fixture(scope="session")
def kept(by, tmp_path_factory):
    file = tmp_path_factory.mktemp("reader") / "small.pt"
    by.save(file)
    return file


class Process:
    """The node as `make node` starts it; what it prints goes to a file."""

    def __init__(self, kept, spool, port, archive):
        self.log = spool.parent / "node.log"
        command = [sys.executable, "-m", "assistant.node", "--reader", str(kept), "--spool", str(spool), "--here",
                   f"READER@127.0.0.1:{port}", "--archive", f"ARCHIVE@127.0.0.1:{archive}"]  # fmt: skip
        with open(self.log, "a") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
        self.port = port
        until(lambda: self.process.poll() is None and self.answers(), 90)

    def answers(self):
        with association(self.port) as peer:
            return peer.is_established and peer.send_c_echo().get("Status") == 0x0000

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(60)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_between_acknowledgement_and_sending(kept, pixels, tmp_path):
    """And what the process has printed until then names nobody."""
    port, away, spool = free_port(), free_port(), tmp_path / "spool"
    first = Process(kept, spool, port, away)
    answers = send(port, film(pixels, 0), film(pixels, 1), film(pixels, 2, Rows=128, PatientBirthDate=NAME))
    assert [answer.Status for answer in answers] == [0x0000, 0x0000, 0xC210]
    first.stop(signal.SIGKILL)
    (spool / "half.part").write_bytes(b"cut off")
    assert len(left(spool)) == 3
    archive = Archive(away)
    second = Process(kept, spool, free_port(), away)
    until(lambda: len(archive.got) == 4 and not left(spool))
    time.sleep(0.5)
    assert second.stop() == 0
    archive.stop()
    assert len(archive.got) == len({made.SOPInstanceUID for made in archive.got}) == 4, "each once"
    said = second.log.read_text()
    assert "wait in" in said and "Traceback" not in said and "Stopped" in said
    for secret in (*NAME.split("^"), NUMBER, "19400229", film(pixels, 0).SOPInstanceUID):
        assert secret not in said
    assert hashlib.sha256(film(pixels, 0).SOPInstanceUID.encode()).hexdigest()[:8] in said


# ---------------------------------------------------------------------------- with other people's programs

NEEDED = {"storescu": "dcmtk", "echoscu": "dcmtk", "dsrdump": "dcmtk", "Orthanc": "orthanc", "dciodvfy": "dicom3tools"}


def program(name):
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found:
        pytest.skip(f"needs the program {name} (Debian: apt-get install {NEEDED[name]})")
    return found


def asks(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120)


@pytest.fixture
def orthanc(tmp_path):
    """An Orthanc of our own; it takes DICOM from two titles on this machine, though it listens on all addresses."""
    command, dicom, web = program("Orthanc"), free_port(), free_port()
    settings = {
        "Name": "test", "StorageDirectory": str(tmp_path / "orthanc"), "IndexDirectory": str(tmp_path / "orthanc"),
        "DicomAet": "ARCHIVE", "DicomPort": dicom, "DicomCheckCalledAet": True, "DicomCheckModalityHost": True,
        "DicomAlwaysAllowStore": False, "HttpPort": web, "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
        "DicomModalities": {name.lower(): [name, "127.0.0.1", 1] for name in ("READER", "SCANNER")},
        "OverwriteInstances": True, "Plugins": [],
    }  # fmt: skip
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    with open(tmp_path / "orthanc.log", "w") as log:
        process = subprocess.Popen([command, tmp_path / "orthanc.json"], stdout=log, stderr=log)

    def ask(path, raw=False):
        with urllib.request.urlopen(f"http://127.0.0.1:{web}/{path}", timeout=30) as answer:
            return answer.read() if raw else json.loads(answer.read())

    def up():
        with contextlib.suppress(OSError):
            return bool(ask("system"))

    until(up)
    yield dicom, ask
    process.terminate()
    process.wait(30)


def test_with_dcmtk_and_orthanc(by, pixels, orthanc, tmp_path):
    programs = {name: program(name) for name in NEEDED}
    dicom, ask = orthanc
    good, folder = [film(pixels, k) for k in range(6)], tmp_path / "films"
    folder.mkdir()
    for k, one in enumerate(good):
        one.save_as(folder / f"{k}.dcm", enforce_file_format=True)
    bad = {"damaged": film(pixels, 7, Rows=128), "modality": film(pixels, 7, Modality="MR"),
           "lateral": film(pixels, 8, ViewPosition="LL")}  # fmt: skip
    for name, one in bad.items():
        one.save_as(tmp_path / f"{name}.dcm", enforce_file_format=True)
    with running(by, dicom, tmp_path / "spool") as here:
        port = here.here.port
        store = [programs["storescu"], "-d", "-aec", "READER", "127.0.0.1", port]
        assert asks(programs["echoscu"], "-aec", "READER", "127.0.0.1", port).returncode == 0
        assert asks(programs["echoscu"], "-aec", "OTHER", "127.0.0.1", port).returncode != 0
        to_archive = asks(
            programs["storescu"], "-aet", "SCANNER", "-aec", "ARCHIVE", "127.0.0.1", dicom, *folder.iterdir()
        )
        assert to_archive.returncode == 0, to_archive.stderr
        assert asks(*store, *folder.iterdir()).returncode == 0
        for name, status in (("damaged", "0xc210"), ("modality", "0xa900")):
            done = asks(*store, tmp_path / f"{name}.dcm")
            assert status in (done.stdout + done.stderr).lower(), done
        assert asks(*store, tmp_path / "lateral.dcm").returncode == 0, "the next one"
        until(lambda: not left(tmp_path / "spool"))
        assert asks(*store, folder / "0.dcm").returncode == 0
        until(lambda: not left(tmp_path / "spool"))
    count = ask("statistics")
    assert (count["CountStudies"], count["CountInstances"]) == (7, 3 * 6 + 1), "a repeat overwrites"
    seen = []
    for name in ask("instances"):
        file = tmp_path / "object.dcm"
        file.write_bytes(ask(f"instances/{name}/file", raw=True))
        kind = pydicom.dcmread(file).SOPClassUID
        if kind == dicomfile.CR:
            continue
        seen.append(kind)
        done = asks(programs["dciodvfy"], "-new", file)
        assert "Error" not in done.stdout + done.stderr, done.stderr
        if kind == REPORT:
            shown = asks(programs["dsrdump"], file)
            assert shown.returncode == 0 and "PRELIMINARY" in shown.stdout and "Outcome of reading" in shown.stdout
            assert ("Probability of ill" in shown.stdout) != ("Declined" in shown.stdout)
    assert (seen.count(REPORT), seen.count(CAPTURE)) == (7, 6)
