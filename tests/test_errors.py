"""The tree of errors and what their messages say."""

import copy
import pickle

import pytest

from jpegtrace import errors
from jpegtrace.errors import (
    ChainError,
    CorruptInput,
    InputError,
    JpegtraceError,
    LimitExceeded,
    MissingExtra,
    ResourceError,
    UnknownFormat,
    UnreadableInput,
    UnsupportedFormat,
    UsageError,
)

CLASSES = [c for c in vars(errors).values() if isinstance(c, type) and c.__module__ == errors.__name__]


def test_every_error_has_the_same_root_and_is_drawn():
    assert len(CLASSES) >= 11
    for found in CLASSES:
        assert issubclass(found, JpegtraceError)
        assert found.__name__ in errors.__doc__
        assert found.__doc__


def test_errors_are_also_what_python_users_catch():
    assert issubclass(UsageError, ValueError)
    assert issubclass(ChainError, UsageError)
    assert issubclass(UnreadableInput, OSError)
    assert issubclass(MissingExtra, ImportError)
    assert not issubclass(InputError, OSError)


@pytest.mark.parametrize("kind", [InputError, UnreadableInput, UnknownFormat, UnsupportedFormat, CorruptInput])
def test_messages_say_what_where_and_of_which_input(kind):
    assert str(kind("it is broken")) == "it is broken"
    assert str(kind("it is broken", offset=0)) == "it is broken (at byte 0)"
    assert str(kind("it is broken", offset=7, source="a.jpg")) == "a.jpg: it is broken (at byte 7)"
    error = kind("it is broken", offset=7)
    assert error.named("b.jpg") is error
    assert error.named("c.jpg").source == "b.jpg"
    assert str(error) == "b.jpg: it is broken (at byte 7)"


def test_a_limit_names_itself_and_how_to_raise_it():
    error = LimitExceeded("pixels", 1000, 123456, offset=4, source="x")
    assert "pixels is limited to 1,000 and this input asks for 123,456" in str(error)
    assert "Limits(pixels=...)" in str(error)
    assert "--limit pixels=" in str(error)
    assert (error.limit, error.allowed, error.found, error.offset) == ("pixels", 1000, 123456, 4)


def test_a_missing_part_says_the_command_that_installs_it():
    assert "pip install 'jpegtrace[web]'" in str(MissingExtra("web", "the page"))


@pytest.mark.parametrize(
    "error",
    [
        CorruptInput("broken", offset=3, source="a"),
        UnreadableInput("gone", source="a"),
        LimitExceeded("pixels", 1, 2, offset=3, source="a"),
        MissingExtra("ray", "scaling out"),
        ResourceError("damaged"),
        UsageError("wrong"),
    ],
)
def test_errors_travel_between_processes(error):
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert type(again) is type(error)
        assert str(again) == str(error)
