"""Hands each test the exercises of its lesson: test_lesson11.py gets those of 1.1."""
import pytest

pytest.register_assert_rewrite("support")


def pytest_generate_tests(metafunc):
    if "each" in metafunc.fixturenames:
        from support import exercises

        lesson = metafunc.module.__name__.removeprefix("test_lesson")
        metafunc.parametrize("each", exercises(lesson), ids=lambda each: each.name)
