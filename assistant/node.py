"""The assistant in a hospital's network: `make node`. Images come in by C-STORE, reports go out to an archive.

An image is written to the spool (fsync, rename) before it is acknowledged, and leaves the spool when the archive has
acknowledged its report and its capture. What is sent twice has the same UIDs, so it overwrites. The log holds no
patient, no UID and no text of a file: a job is the beginning of a hash. Teaching material, not a medical device.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import logging
import signal
import sys
import threading
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

try:
    import highdicom  # noqa: F401 (of objects)
    import pynetdicom
    from pynetdicom import evt, sop_class
except ImportError:
    NEEDS = "The node needs pynetdicom and highdicom, as no lesson does: run make environment EXTRAS=assistant once."
    if __name__ == "__main__":
        sys.exit(NEEDS)
    raise ImportError(NEEDS) from None
from pydicom import Dataset, uid
from pydicom.pixels import get_decoder

from assistant import defaults, files, objects, reader
from assistant.spool import Spool
from utils import datasets

SUCCESS, FULL, WRONG, UNCLEAR = 0x0000, 0xA700, 0xA900, 0xC210  # PS3.4 B.2.3
THERE = (SUCCESS, 0x0111)  # the archive has it: taken, or an object of this UID was there (PS3.7 C.5)
FINAL = (0x0117, 0x0122, 0x0124)  # with 0xA9xx and 0xCxxx: asking again is of no use, unless somebody mends the archive
DAY = 86_400.0  # seconds that something is tried all the same
IMAGES = [context.abstract_syntax for context in pynetdicom.AllStoragePresentationContexts
          if "Image Storage" in uid.UID(context.abstract_syntax).name]  # fmt: skip
KINDS = ("Computed Radiography", "Digital X-Ray Image", "Secondary Capture", "VL Photographic", "VL Microscopic",
         "Dermoscopic")  # fmt: skip
FITTING = [name for name in IMAGES if any(kind in uid.UID(name).name for kind in KINDS)]  # films and photographs
PLAIN = [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian]
PACKED = [uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless,
          uid.JPEG2000Lossless, uid.JPEG2000, uid.RLELossless]  # fmt: skip
DECODED = [syntax for syntax in PACKED if get_decoder(syntax).is_available]
MOST_SENDERS, MOST_PDU, PATIENCE = 10, 1 << 17, 60  # at once; bytes; seconds without an answer
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds until something is tried again; doubled each time
GRACE = 5.0  # seconds that the archive has for its last answer when the node stops
SPOOL = defaults.KEPT.parent / "node"
ANSWERS = (sop_class.ComprehensiveSRStorage, sop_class.SecondaryCaptureImageStorage)
DEVICE = "Teaching material, not a medical device: no patient's care may depend on it."
log = logging.getLogger("assistant.node")


def title_of(text: str) -> str:
    """An application entity's title (PS3.5 6.2, AE). Raises argparse.ArgumentTypeError."""
    if not (text.strip() and len(text) <= 16 and text.isascii() and text.isprintable() and "\\" not in text):
        raise argparse.ArgumentTypeError(f"{text!r} is no title: 1 to 16 ASCII letters, digits or signs, no backslash")
    return text.strip()


@dataclass
class Peer:
    """Where DICOM is spoken: title, address, port."""

    title: str
    host: str
    port: int

    @staticmethod
    def of(text: str) -> Peer:
        """Of TITLE@HOST:PORT. Raises argparse.ArgumentTypeError."""
        title, at, place = text.partition("@")
        host, colon, port = place.rpartition(":")
        if not (at and colon and host and port.isdecimal() and int(port) < 1 << 16):
            raise argparse.ArgumentTypeError(f"{text!r}: write TITLE@HOST:PORT, as in ARCHIVE@127.0.0.1:4242")
        return Peer(title_of(title), host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"{self.title}@{self.host}:{self.port}"


@dataclass(eq=False)
class Node:
    """A DICOM node round a reader: `start`, then `stop`.

    Attributes:
        by: who reads.
        archive: where reports and captures go.
        here: our own title, address and port (0: a free one, which `start` fills in).
        senders: titles that may send; empty: all that call us by our title.
    """

    by: reader.Reader
    archive: Peer
    spool: Spool
    here: Peer = field(default_factory=lambda: Peer("READER", "127.0.0.1", 11112))
    senders: tuple[str, ...] = ()
    first_wait: float = FIRST_WAIT

    def start(self) -> Node:
        """Listen, and go on with what lies in the spool. Raises OSError where the port is taken."""
        self._version = objects.version_of(self.by)
        self._waits: dict[Path | None, tuple[float, float]] = {}  # of what failed, None: the archive: until, how long
        self._since: dict[Path, float] = {}  # of what the archive refuses for good
        self._news, self._ends = threading.Event(), threading.Event()
        self._peer: pynetdicom.association.Association | None = None
        entity = pynetdicom.AE(self.here.title)
        entity.supported_contexts = [pynetdicom.build_context(name, PLAIN + DECODED) for name in IMAGES]
        entity.add_supported_context(sop_class.Verification)
        entity.require_called_aet, entity.require_calling_aet = True, list(self.senders)
        entity.maximum_associations, entity.maximum_pdu_size = MOST_SENDERS, MOST_PDU
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = PATIENCE
        self._entity = entity
        server = entity.start_server((self.here.host, self.here.port), block=False,
                                     evt_handlers=[(evt.EVT_C_STORE, self._stored)])  # fmt: skip
        self.here.port = server.socket.getsockname()[1]
        self._worker = threading.Thread(target=self._work, name="node", daemon=True)
        self._worker.start()
        return self

    def stop(self) -> None:
        """Stop listening, and finish the image in hand if the archive answers in time; the spool keeps the others."""
        self._ends.set()
        self._news.set()
        self._entity.shutdown()
        self._worker.join(GRACE)
        if self._worker.is_alive() and self._peer:
            self._peer.abort()
            self._worker.join(GRACE)  # who is still waiting for a network then loses nothing by being cut off
        self.spool.close()

    # ------------------------------------------------------------------------ in

    def _stored(self, event: evt.Event) -> Dataset:
        """The status of a C-STORE, a sentence beside it where it is a refusal."""
        job = hashlib.sha256(str(event.request.AffectedSOPInstanceUID).encode()).hexdigest()[:8]
        try:
            status, why = self._keep(event, job)
        except Exception as error:  # of pydicom: foreign bytes make it raise nearly anything
            status, why = UNCLEAR, f"The object cannot be understood: {type(error).__name__}."
        log.info("%s %s", job, f"refused, 0x{status:04X}: {why}" if why else "kept and acknowledged")
        answer = Dataset()
        answer.Status = status
        if why:
            answer.ErrorComment = why.encode("ascii", "replace").decode()[:64]
        return answer

    def _keep(self, event: evt.Event, job: str) -> tuple[int, str]:
        accepted = self.by.accepts.get("modality", ())
        raw = event.encoded_dataset()
        if len(raw) > files.MOST_BYTES:
            return UNCLEAR, "The object is too large."
        try:
            files.open_file(raw, "it", {"modality": accepted} if accepted else {})
        except files.Refused as refused:
            said = refused.facts.get("modality")
            if said and accepted and said not in accepted:
                return WRONG, f"Modality not read here; read: {', '.join(accepted)}."
            if "one is read at a time" in str(refused):
                return UNCLEAR, "It holds several pictures, and one at a time is read."
            return UNCLEAR, "The image cannot be decoded or shown, or is too large."
        try:
            image, asked = objects.header(raw), event.request
        except ValueError as error:
            return UNCLEAR, f"No answer could be filed for it: {error}."
        if (image.SOPClassUID, image.SOPInstanceUID) != (asked.AffectedSOPClassUID, asked.AffectedSOPInstanceUID):
            return WRONG, "Request and object name different SOPs."
        if accepted and image.SOPClassUID not in FITTING:
            return WRONG, "This class of image is neither a film nor a photograph."
        if image.get("Manufacturer") == objects.MAKER:  # an archive that forwards captures would never come to rest
            return WRONG, "This is an answer of a course reader itself."
        try:
            self.spool.put(raw, job)
        except OSError as error:
            return FULL, f"The spool cannot be written: {error.strerror or error}."
        self._news.set()
        return SUCCESS, ""

    # ------------------------------------------------------------------------ out

    def _work(self) -> None:
        while not self._ends.is_set():
            try:
                self._round()
            except Exception as error:  # of a disk or a network: without this thread, images would wait for ever
                log.error("Sending stopped short: %s. It is tried again.", type(error).__name__)
                self._ends.wait(self.first_wait)

    def _round(self) -> None:
        """Send what is due, or wait until something is."""
        now, waiting = time.monotonic(), self.spool.jobs()
        until = {job: max(self._waits.get(key, (0.0, 0.0))[0] for key in (job, None)) for job in waiting}
        due = [job for job in waiting if until[job] <= now]
        due.sort(key=lambda job: self._waits.get(job, (0.0, 0.0))[1])  # the oldest first, but last what failed before
        if due:
            self._send(due)
        else:
            self._news.wait(max(min(until.values(), default=now + LONGEST_WAIT) - now, 0.05))
            self._news.clear()

    def _send(self, jobs: list[Path]) -> None:
        """Try each job once, over one association, until the archive hangs up."""
        entity = pynetdicom.AE(self.here.title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = PATIENCE
        for name in ANSWERS:
            entity.add_requested_context(name, PLAIN)
        peer = self._peer = entity.associate(self.archive.host, self.archive.port, ae_title=self.archive.title)
        try:
            taken = {context.abstract_syntax for context in peer.accepted_contexts}
            if peer.is_rejected:
                return self._later(None, "the archive rejects us: does it know our title, and is its own right?")
            if peer.is_established and not taken.issuperset(ANSWERS):
                return self._later(None, "the archive takes no structured reports, or no secondary captures")
            for job in jobs:
                if self._ends.is_set() or not peer.is_established:
                    break
                self._try(job, peer)
                if not peer.is_established:  # it may have been the job, so the others wait for a moment only
                    self._waits[None] = time.monotonic() + self.first_wait, self.first_wait / 2
            if not taken and not self._ends.is_set():
                self._later(None, "the archive does not answer")
        finally:
            if peer.is_established:
                peer.release()
        return None

    def _try(self, job: Path, peer: pynetdicom.association.Association) -> None:
        """Answer to a job, and drop it, try it later, or put it aside."""
        name = job.name.split("-")[1]
        try:
            why, final = self._answer(job, peer)
            if final and time.monotonic() - self._since.setdefault(job, time.monotonic()) >= DAY:
                self.spool.aside(job)
                log.error("%s lies in the spool's folder refused, and is not tried again: %s", name, why)
                return
            if not why:
                self.spool.drop(job)
        except Exception as error:  # one image must not stop the others: it stays, and the log says so
            why = f"a {type(error).__name__} came in between"
        if why:
            if not self._ends.is_set():
                self._later(job, why)
            return
        for waits in (self._waits, self._since):
            waits.pop(job, None)
        self._waits.pop(None, None)
        log.info("%s answered; %d wait in the spool", name, len(self.spool.jobs()))

    def _answer(self, job: Path, peer: pynetdicom.association.Association) -> tuple[str, bool]:
        """Read, and send what was found: "" if the archive has acknowledged all of it, else why not; and whether it has
        refused for good."""
        raw = job.read_bytes()
        found = self.by.read(raw, "The image")
        came = datetime.datetime.fromtimestamp(int(job.name.split("-")[0]) / 1e9)
        for made in objects.answer(objects.header(raw), found, self._version, came):
            status = peer.send_c_store(made).get("Status")
            if status is None:
                return "the archive did not answer", False
            if status not in THERE and status >> 12 != 0xB:  # 0xBxxx: stored, with a remark
                final = status in FINAL or status >> 8 == 0xA9 or status >> 12 == 0xC
                return f"the archive said 0x{status:04X}", final
        return "", False

    def _later(self, what: Path | None, why: str) -> None:
        wait = min(2 * self._waits.get(what, (0.0, self.first_wait / 2))[1], LONGEST_WAIT)
        self._waits[what] = time.monotonic() + wait, wait
        log.warning("%d wait in the spool, for %.0f s at least: %s", len(self.spool.jobs()), wait, why)


def quiet() -> None:
    """Other people's loggers and warnings quote what a file says, so they say nothing here."""
    warnings.simplefilter("ignore")
    for name in ("pynetdicom", "pydicom", "highdicom", "PIL"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def chosen(name: str) -> reader.Reader:
    """A default's, or that of a file. Raises ReaderError, or DataError."""
    return reader.default(name) if name in defaults.DEFAULTS else reader.Reader.load(name)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make node", description=DEVICE)
    parser.add_argument("--reader", default="chest", help="who reads: chest, skin, or the file of a saved reader")
    parser.add_argument(
        "--here",
        type=Peer.of,
        default="READER@127.0.0.1:11112",
        metavar="TITLE@HOST:PORT",
        help="our title, and where we listen; 0.0.0.0: to all the network (default: %(default)s)",
    )
    parser.add_argument(
        "--archive",
        type=Peer.of,
        default="ARCHIVE@127.0.0.1:4242",
        metavar="TITLE@HOST:PORT",
        help="where reports go (default: %(default)s)",
    )
    parser.add_argument(
        "--sender",
        action="append",
        type=title_of,
        default=[],
        metavar="TITLE",
        help="who may send; may be given again (default: all that call us by our title)",
    )
    parser.add_argument("--spool", type=Path, default=SPOOL, help="where images wait for their answer")
    asked = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)
    quiet()
    over = threading.Event()
    try:
        by = chosen(asked.reader)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: over.set())
        node = Node(by, asked.archive, Spool(asked.spool), asked.here, tuple(asked.sender)).start()
    except KeyboardInterrupt:
        sys.exit("Stopped before it began.")
    except (reader.ReaderError, datasets.DataError) as error:
        sys.exit(str(error))
    except OSError as error:
        why = error.strerror or error
        sys.exit(f"The node cannot start ({why}): is {asked.here.host} this computer, and is no other node running at "
                 f"{asked.here} or with this spool?")  # fmt: skip
    print(
        f"{DEVICE}\n{node.here} reads {node.by.title}; answers go to {node.archive}. Ctrl-C stops it.\n"
        f"Learnt from: {node.by.source}\n{len(node.spool.jobs())} image(s) wait in {node.spool.folder}.",
        flush=True,
    )
    while not over.wait(1):  # Windows sees Ctrl-C between two waits only
        pass
    print(f"Stopping; the archive has {GRACE:.0f} seconds for its last answer.", flush=True)
    node.stop()
    print(f"Stopped; {len(node.spool.jobs())} image(s) wait in the spool for the next start.")


if __name__ == "__main__":
    main()
