"""The assistant in a hospital's network: `make node`. Images come in by C-STORE, reports go out to an archive.

An image is written to the spool (fsync, rename) before it is acknowledged, and leaves the spool when the archive has
acknowledged its report and its capture. What is sent twice has the same UIDs, so it overwrites. The log holds no
patient, no UID and no text of a file: a job is the beginning of a hash. Teaching material, not a medical device.
"""

from __future__ import annotations

import argparse
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
IMAGES = [context.abstract_syntax for context in pynetdicom.AllStoragePresentationContexts]
PLAIN = [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian]
PACKED = [uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGLSLossless,
          uid.JPEG2000Lossless, uid.JPEG2000, uid.RLELossless]  # fmt: skip
DECODED = [syntax for syntax in PACKED if get_decoder(syntax).is_available]
MOST_SENDERS, MOST_PDU, PATIENCE = 10, 1 << 17, 60  # at once; bytes; seconds without an answer
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds until something is tried again; doubled each time
SPOOL = defaults.KEPT.parent / "node"
ANSWERS = (sop_class.ComprehensiveSRStorage, sop_class.SecondaryCaptureImageStorage)
DEVICE = "Teaching material, not a medical device: no patient's care may depend on it."
log = logging.getLogger("assistant.node")


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
        if not (at and colon and host and 0 < len(title) <= 16 and port.isdigit() and int(port) < 1 << 16):
            raise argparse.ArgumentTypeError(f"{text!r}: write TITLE@HOST:PORT, as in ARCHIVE@127.0.0.1:4242")
        return Peer(title, host.strip("[]"), int(port))

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
        self._news, self._ends = threading.Event(), threading.Event()
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
        """Stop listening, finish the image in hand; the spool keeps the others."""
        self._entity.shutdown()
        self._ends.set()
        self._news.set()
        self._worker.join()
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
            return UNCLEAR, "The image cannot be decoded, or is too large."
        image, asked = objects.header(raw), event.request
        if (image.SOPClassUID, image.SOPInstanceUID) != (asked.AffectedSOPClassUID, asked.AffectedSOPInstanceUID):
            return WRONG, "Request and object name different SOPs."
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
        peer = entity.associate(self.archive.host, self.archive.port, ae_title=self.archive.title)
        taken = {context.abstract_syntax for context in peer.accepted_contexts}
        if peer.is_established and not taken.issuperset(ANSWERS):
            peer.release()
            return self._later(None, "the archive takes no structured reports, or no secondary captures")
        for job in jobs:
            if self._ends.is_set() or not peer.is_established:
                break
            try:
                why = self._answer(job, peer)
            except Exception as error:  # one image must not stop the others: it stays, and the log says so
                why = f"a {type(error).__name__} came in between"
            if not why:
                self.spool.drop(job)
                self._waits.pop(job, None)
                self._waits.pop(None, None)
                log.info("%s answered; %d wait in the spool", job.name.split("-")[1], len(self.spool.jobs()))
            elif peer.is_established:
                self._later(job, why)
        if peer.is_established:
            peer.release()
        elif not self._ends.is_set():
            self._later(None, "the archive does not answer")
        return None

    def _answer(self, job: Path, peer: pynetdicom.association.Association) -> str:
        """Read, and send what was found; "" if the archive has acknowledged all of it, else why not."""
        raw = job.read_bytes()
        found = self.by.read(raw, "The image")
        for made in objects.answer(objects.header(raw), found, self._version):
            status = peer.send_c_store(made).get("Status")
            if status != SUCCESS and (status is None or status >> 12 != 0xB):  # 0xBxxx: stored, with a remark
                return "the archive did not answer" if status is None else f"the archive said 0x{status:04X}"
        return ""

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
        default=[],
        metavar="TITLE",
        help="who may send; may be given again (default: all that call us by our title)",
    )
    parser.add_argument("--spool", type=Path, default=SPOOL, help="where images wait for their answer")
    asked = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr)
    log.setLevel(logging.INFO)
    quiet()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        node = Node(chosen(asked.reader), asked.archive, Spool(asked.spool), asked.here, tuple(asked.sender)).start()
    except (reader.ReaderError, datasets.DataError) as error:
        sys.exit(str(error))
    except OSError as error:
        why = error.strerror or error
        sys.exit(f"The node cannot start ({why}): is another one running at {asked.here}, or with this spool?")
    print(
        f"{DEVICE}\n{node.here} reads {node.by.title}; answers go to {node.archive}. Ctrl-C stops it.\n"
        f"Learnt from: {node.by.source}\n{len(node.spool.jobs())} image(s) wait in {node.spool.folder}.",
        flush=True,
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        node.stop()
        print(f"Stopped; {len(node.spool.jobs())} image(s) wait in the spool for the next start.")


if __name__ == "__main__":
    main()
