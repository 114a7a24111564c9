"""Notebooks, evidence and machines as the field has them: one sentence names file and cell, nothing is lost."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from tools import __main__ as command
from tools import evidence as gathering
from tools import notebook, stamp
from tools.notebook import NotebookError
from utils import evidence

SOON = 60.0  # seconds: a kernel's start on a busy machine; without the mend it takes hours


def cell(source, name="one", **more):
    return {"cell_type": "code", "id": name, "metadata": {}, "execution_count": None, "outputs": [],
            "source": source, **more}  # fmt: skip


def write(folder, *cells, name="lesson", **more):
    path = folder / f"{name}.ipynb"
    whole = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def refused(capsys, *arguments):
    """The one line that a command answers; what it says before the failure ends with a blank."""
    assert command.main(list(map(str, arguments))) == 1
    said = capsys.readouterr()
    (line,) = [line for line in (said.err + said.out).splitlines() if not line.endswith("… ")]
    assert len(line) <= 600 and "Traceback" not in line and "\x1b" not in line, line
    return line


# K7: somebody else's words


FAILING = {
    "dies": ("import os; os._exit(0)", "cell one: the kernel died"),
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM if os.name == 'nt' else 9)", "kernel died"),
    "memory": ("raise MemoryError", "cell one, line 1 of In[1]: MemoryError"),
    "below": ("def f():\n    return 1 / 0\n\nf()", "cell one, line 2 of In[1]: ZeroDivisionError: division by zero"),
    "letters": ("raise ValueError('z' * 1_000_000)", "ValueError: zzz"),
    "lines": ("raise ValueError('first\\n' + 'second\\n' * 500)", "ValueError: first"),
    "grammar": ("x = = 1", "cell one, line 1 of In[1]: SyntaxError: invalid syntax"),
    "leaves": ("import sys; sys.exit('bye')", "cell one: SystemExit: bye"),
    "asks": ("input('name?')", "cell one, line 1 of In[1]: StdinNotImplementedError"),
}


@pytest.mark.parametrize(("source", "words"), FAILING.values(), ids=FAILING)
def test_a_cell_that_fails_is_one_sentence_and_the_file_stays(tmp_path, capsys, source, words):
    path = write(tmp_path, cell(source))
    before = path.read_bytes()
    assert words in refused(capsys, "run", path) and path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["lesson.ipynb"]


@pytest.mark.parametrize("program", ["no-such-program", sys.executable])
def test_a_kernel_that_does_not_start_is_named(tmp_path, capsys, monkeypatch, program):
    (tmp_path / "kernels" / "python3").mkdir(parents=True)
    specification = {"argv": [program, "-c", "raise SystemExit(3)"], "display_name": "Python 3", "language": "python"}
    (tmp_path / "kernels" / "python3" / "kernel.json").write_text(json.dumps(specification))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    path = write(tmp_path, cell("x = 1"))
    assert "lesson.ipynb, before its first cell: Jupyter's kernel does not start" in refused(capsys, "run", path)


def test_a_script_is_not_run_as_a_notebook_and_a_page_is_none(tmp_path, capsys):
    for name, words in (("bench.py", "is a script: `make evidence NB=bench`"), ("README.md", "end in .ipynb")):
        (tmp_path / name).write_text("x = 1\n")
        assert words in refused(capsys, "run", tmp_path / name)


def text_of(*cells, **more):
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}).encode()


MARKDOWN = {"cell_type": "markdown", "id": "two", "metadata": {}, "source": "words"}
FILES = {
    "no JSON": (b'{"cells": [\n 1,', "is damaged (it is not whole from line"),
    "deep": (b"[" * 100_000, "is damaged"),
    "latin": (text_of(cell("x")).replace(b'"x"', b'"\xe4"'), "it is no UTF-8 text"),
    "wide": (text_of(cell("x")).decode().encode("utf-16"), "it is no UTF-8 text"),
    "cells no list": (b'{"cells": {}, "nbformat": 4, "nbformat_minor": 5}', "is no notebook"),
    "metadata null": (text_of(metadata=None), "is no notebook"),
    "format 3": (text_of(nbformat=3, nbformat_minor=0), "(format 3.0"),
    "format 4.4": (text_of(nbformat_minor=4), "(format 4.4"),
    "format 5": (text_of(nbformat=5), "(format 5.5"),
    "format in words": (text_of(nbformat="4"), "saved by another program"),
    "no ids": (text_of({**cell("x"), "id": None}), "or cells without ids"),
    "twice": (text_of(cell("x"), {**MARKDOWN, "id": "one"}), "cell 1: another cell is called one, too"),
    "cell no cell": (text_of(cell("x"), "words"), "cell 2: this is no cell"),
    "no type": (text_of({"id": "a", "source": ""}), "cell 1: this is no cell"),
    "heading": (text_of({**MARKDOWN, "cell_type": "heading"}), "cell 1: this is no cell"),
    "no source": (text_of({**cell("x"), "source": None}), "cell 1: this is no cell"),
    "numbers": (text_of({**cell("x"), "source": [1, 2]}), "cell 1: this is no cell"),
    "outputs null": (text_of({**cell("x"), "outputs": None}), "cell 1: this is no cell"),
    "output of no type": (text_of(cell("x", outputs=[{"text": "a"}])), "cell 1: this is no cell"),
    "tags null": (text_of({**cell("x"), "metadata": {"tags": None}}), "cell 1: this is no cell"),
    "diff3": (b'{"cells": [\n<<<<<<< ours\n||||||| base\n=======\n>>>>>>> theirs\n]}', "unfinished merge"),
}


@pytest.mark.parametrize(("content", "words"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("order", ["run", "verify"])
def test_a_notebook_of_another_program_or_merged_badly_is_named_and_left(tmp_path, capsys, order, content, words):
    path = tmp_path / "lesson.ipynb"
    path.write_bytes(content)
    said = refused(capsys, order, path)
    assert words in said and "lesson.ipynb" in said and path.read_bytes() == content


def test_a_mark_of_notepad_before_the_first_letter_is_no_damage(tmp_path):
    path = write(tmp_path, cell("x"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert notebook.read(path)["cells"][0]["source"] == "x"


@pytest.mark.parametrize("damaged", ["words", ["a"], {"lesson": "lesson"}, {"data": None}, {"data": [], "code": 3}])
def test_a_damaged_stamp_is_named(tmp_path, capsys, damaged):
    path = write(tmp_path, cell("x = 1"), metadata={"course": damaged})
    assert "its stamp is damaged" in refused(capsys, "verify", path)


@pytest.mark.parametrize("source", ["x = = 1", "x = '", "x = 1\0"])
def test_an_experiment_that_is_no_python_is_named(tmp_path, capsys, source):
    path = write(tmp_path, cell(source, metadata={"tags": ["evidence"]}), metadata={"course": {"data": []}})
    (tmp_path / "evidence").mkdir()
    keys = ",".join(evidence.KEYS)
    (tmp_path / "evidence" / "lesson.csv").write_text(f"{keys}\na,0,real,none,cpu,1,c\n")
    assert "a cell is no Python" in refused(capsys, "verify", path)
    assert "SyntaxError" in refused(capsys, "evidence", path)


EXPERIMENT = """VARIANTS, SEEDS, TOLERANCE = ["a"], range(2), 1e-9
def experiment(variant, seed):
    return {"score": {}, "predictions": {"val": [seed]}}
"""


def experiment(folder, score="seed"):
    (folder / "evidence").mkdir(exist_ok=True)
    path = folder / "evidence" / "dice.py"
    path.write_text(EXPERIMENT.replace("{}", score, 1))
    return path


@pytest.mark.parametrize(
    ("score", "words"),
    [
        ("1 / 0", "dice.py, a, seed 0, line 3 of dice, script: ZeroDivisionError: division by zero"),
        ("exit('bye')", "dice.py, a, seed 0, line 3 of dice, script: SystemExit: bye"),
        ("open('nothing.csv')", "FileNotFoundError"),
    ],
)
def test_an_experiment_that_fails_is_one_sentence_with_its_line(tmp_path, capsys, score, words):
    path = experiment(tmp_path, score)
    assert words in refused(capsys, "evidence", path) and not path.with_suffix(".csv").exists()


CONFLICT = "<<<<<<< HEAD\na,0,real,none,cpu,1,c,1\n=======\n"


DAMAGE = [lambda text: CONFLICT + text, lambda text: text + CONFLICT, lambda text: "x,y\n1,2\n", lambda text: ""]


@pytest.mark.parametrize("change", DAMAGE)
@pytest.mark.parametrize("order", ["verify", "evidence", "evidence --recheck"])
def test_evidence_that_is_damaged_or_merged_badly_is_named_and_left(tmp_path, capsys, order, change):
    path = experiment(tmp_path)
    file = gathering.gather(path)
    capsys.readouterr()
    file.write_text(change(file.read_text()))
    before = file.read_bytes(), file.with_suffix(".npz").read_bytes()
    order, *options = order.split()
    assert "dice.csv is damaged or merged badly" in refused(capsys, order, path, *options)
    assert (file.read_bytes(), file.with_suffix(".npz").read_bytes()) == before


def test_arrays_that_are_cut_off_are_named_and_left(tmp_path, capsys):
    path = experiment(tmp_path)
    file = gathering.gather(path).with_suffix(".npz")
    capsys.readouterr()
    for whole in (file.read_bytes(),):
        for cut in (whole[:100], b"", b"words"):
            file.write_bytes(cut)
            assert "dice.npz is damaged" in refused(capsys, "evidence", path) and file.read_bytes() == cut


def test_a_recheck_of_nothing_is_a_sentence(tmp_path, capsys):
    said = refused(capsys, "evidence", experiment(tmp_path), "--recheck")
    assert "has other rows on synthetic data than its code asks for" in said


# K10: time by the square


PROGRESS = "import sys\nfor i in range(2000): print(f'\\r{i} of 2000', end='', file=sys.stdout)\nprint()"
LONG = {
    "letters": ("print('a' * 1_000_000)", 1_000_001),
    "digits": ("print('1' * 1_000_000 + '\\r')", 1_000_001),
    "backspaces": ("print('a\\b' * 300_000)", 600_001),
    "bars": (PROGRESS, len("1999 of 2000\n")),
    "source": ("print('data: ' + 'from ' * 100_000)", 500_007),
}


@pytest.mark.parametrize(("source", "letters"), LONG.values(), ids=LONG)
def test_a_line_of_a_megabyte_does_not_hang(tmp_path, source, letters):
    path = write(tmp_path, cell(source))
    started = time.perf_counter()
    stamp.run(path)
    assert time.perf_counter() - started < SOON
    (output,) = notebook.read(path)["cells"][0]["outputs"]
    assert len(output["text"]) == letters and stamp.verify(path) == ([], [])


def test_parts_of_a_stream_are_put_together_and_pictures_stay_in_their_order(tmp_path):
    source = "from IPython.display import display\nfor i in range(3):\n    print(i, flush=True)\n    display(i)"
    content, _, _ = notebook.execute(write(tmp_path, cell(source)))
    outputs = content["cells"][0]["outputs"]
    assert [output["output_type"] for output in outputs] == ["stream", *["display_data"] * 3]
    assert outputs[0]["text"] == "0\n1\n2\n"


# K12: where it runs


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_memory_is_in_bytes_whatever_the_system_counts_in(monkeypatch, capsys, platform, unit):
    monkeypatch.setattr(sys, "platform", platform)
    usage = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: SimpleNamespace(ru_maxrss=2048))
    monkeypatch.setitem(sys.modules, "resource", usage)
    exec(notebook.PEAK, {})
    assert int(capsys.readouterr().out) == 2048 * unit


def test_memory_on_windows_where_there_is_no_resource(monkeypatch, capsys):
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=5 * 2**20))
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setitem(sys.modules, "psutil", SimpleNamespace(Process=lambda: process))
    exec(notebook.PEAK, {})
    assert int(capsys.readouterr().out) == 5 * 2**20


def test_a_read_only_notebook_is_refused_before_it_is_run(tmp_path, capsys, monkeypatch):
    path = write(tmp_path, cell("x = 1"))
    before = path.read_bytes()
    path.chmod(0o444)
    monkeypatch.setattr(notebook, "execute", lambda path: pytest.fail("minutes would be lost"))
    assert "is read-only, so nothing was written" in refused(capsys, "run", path) and path.read_bytes() == before


@pytest.mark.parametrize("number", ["EACCES", "ENOSPC", "EROFS", "EBUSY"])
def test_a_locked_file_or_a_full_disk_is_named_and_leaves_no_litter(tmp_path, capsys, monkeypatch, number):
    import errno

    def locked(old, new):
        raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)), str(new))

    path = write(tmp_path, cell("x = 1"))
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", locked)
    said = refused(capsys, "run", path)
    assert "lesson.ipynb cannot be written (" in said and "as it was" in said and path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["lesson.ipynb"]


def test_what_may_not_be_read_is_not_called_damaged(tmp_path, capsys, monkeypatch):
    def locked(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path, cell("x = 1"))
    monkeypatch.setattr(type(path), "read_text", locked)
    assert "lesson.ipynb cannot be read (Permission denied)" in refused(capsys, "verify", path)


def test_a_notebook_saved_while_it_ran_keeps_what_was_saved(tmp_path, capsys):
    path = write(tmp_path, cell("import pathlib\nfile = pathlib.Path('lesson.ipynb')\n"
                                "size = file.write_text(file.read_text() + ' ')"))  # fmt: skip
    before = path.read_text()
    assert "was changed while it ran, so nothing was written" in refused(capsys, "run", path)
    assert path.read_text() == before + " "


def test_a_link_to_a_notebook_stays_a_link(tmp_path):
    path = write(tmp_path, cell("x = 1"))
    link = tmp_path / "link.ipynb"
    try:
        link.symlink_to(path)
    except OSError:
        pytest.skip("this system allows no links")
    notebook.write_whole(link, "{}")
    assert link.is_symlink() and path.read_text() == "{}"


def test_half_a_letter_is_no_traceback(tmp_path):
    path = write(tmp_path, cell("x = 1"))
    before = path.read_bytes()
    with pytest.raises(NotebookError, match="half a letter"):
        notebook.write_whole(path, "\ud800")
    assert path.read_bytes() == before


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "latin-1"])
@pytest.mark.parametrize("order", [["--help"], ["text", "lesson.ipynb"], ["verify", "lesson.ipynb"], ["time", "x"]])
def test_a_terminal_of_few_letters_is_answered(tmp_path, encoding, order):
    write(tmp_path, {**MARKDOWN, "source": "✓ 水 – …"})
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(notebook.ROOT)}
    result = subprocess.run([sys.executable, "-m", "tools", *order], capture_output=True, env=environment, cwd=tmp_path)
    assert b"Traceback" not in result.stderr and b"Encode" not in result.stderr
    assert result.returncode in (0, 1) and result.stdout + result.stderr
