"""Files that are replaced."""

import pytest

from jpegtrace._files import replacing
from jpegtrace.errors import UsageError


def test_files_appear_whole_or_not_at_all(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    paths[0].write_text("before")

    def write(fail):
        with replacing(paths) as drafts:
            for draft in drafts:
                draft.write_text("after")
            if fail:
                raise OSError(28, "No space left on device", "b")

    with pytest.raises(UsageError, match="cannot write b: No space left"):
        write(fail=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "before"}
    write(fail=False)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "after", "b": "after"}


def test_the_file_that_was_meant_is_named(tmp_path):
    path = tmp_path / "nowhere" / "b.txt"

    def write():
        with replacing([tmp_path / "a.txt", path]) as drafts:
            for draft in drafts:
                draft.write_text("after")

    with pytest.raises(UsageError, match=rf"^cannot write {path}: No such file or directory$"):
        write()
    assert list(tmp_path.iterdir()) == []
