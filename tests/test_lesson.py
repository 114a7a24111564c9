from __future__ import annotations

import numpy as np
import pytest

from utils import lesson
from utils.lesson import ClaimError, claim


def test_a_true_claim_prints_its_sentence(capsys):
    claim("water is wet", np.bool_(True))
    assert capsys.readouterr().out == "✓ water is wet\n"


def test_a_false_claim_raises_with_its_values():
    with pytest.raises(ClaimError, match=r"✗ water is dry \(wetness = 0.97\)"):
        claim("water is dry", 0.97 < 0.5, wetness=0.97)


@pytest.mark.parametrize("truth", [None, "yes", 1, np.array([True, True]), [True]])
def test_a_claim_needs_one_boolean(truth):
    with pytest.raises(TypeError):
        claim("vague", truth)


def test_a_claim_about_real_data_waits_for_them(capsys):
    claim("real lesions repeat", False, real=False)
    assert capsys.readouterr().out == "– real lesions repeat (needs the real data)\n"
    with pytest.raises(ClaimError):
        claim("real lesions repeat", False, real=True)


def test_the_header_names_each_source_and_no_machine(capsys):
    import platform

    lesson.header("films (synthetic)")
    out = capsys.readouterr().out
    assert out.splitlines()[1] == "data: films (synthetic)"
    assert platform.node() not in out


def test_a_false_claim_in_a_copy_says_so_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lesson, "COPIES", tmp_path)
    (tmp_path / "episode").mkdir()
    monkeypatch.chdir(tmp_path / "episode")
    claim("water is dry", False, wetness=0.97)
    assert capsys.readouterr().out == (
        "✗ water is dry (wetness = 0.97): your change made this false: that is a result\n"
    )
    with pytest.raises(TypeError):
        claim("vague", "yes")
    monkeypatch.chdir(tmp_path.parent)
    with pytest.raises(ClaimError):
        claim("water is dry", False)


def test_a_typo_is_no_refusal():
    from utils.exercises.expect import expect_refusal

    def stumbles():
        raise VlaueError("no")  # noqa: F821

    with pytest.raises(lesson.Hint, match="look for a typo"):
        expect_refusal(stumbles, "refuse that")
    expect_refusal(lambda: int("x"), "refuse that")


def test_a_sentence_does_not_repeat_a_whole_book():
    @lesson.exercise("Exercise 1", "right")
    def check(answer):
        raise lesson.Hint(f"not {answer}")

    verdict = check("x" * 100_000)
    assert len(repr(verdict)) < 500 and verdict.state == "wrong"
