"""Every failure that jpegtrace reports on purpose.

::

    JpegtraceError
    ├── UsageError          the call is wrong: an option, a parameter, an analysis id
    │   └── ChainError      a history that does not parse or cannot be carried out
    ├── InputError          the input is the reason; carries its name and a byte offset
    │   ├── UnreadableInput     it cannot be opened or read at all
    │   ├── UnknownFormat       its content is no picture format that we know
    │   ├── UnsupportedFormat   a known format in a variant that we do not decode
    │   ├── CorruptInput        it breaks the rules of its format
    │   └── LimitExceeded       reading it would pass a bound; names the bound and how to raise it
    ├── ResourceError       a file of the installation is damaged or of another version
    └── MissingExtra        an optional part is not installed; says the command that installs it

A message is a sentence: what is wrong, where (byte offset), and what to do about it where that is known.
"""

from __future__ import annotations


class JpegtraceError(Exception):
    """Root of all errors raised on purpose by jpegtrace."""

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross from worker processes; the standard way would call constructors with the wrong arguments.
        return _restore, (type(self), self.args, dict(self.__dict__))


def _restore(kind: type[JpegtraceError], args: tuple[object, ...], state: dict[str, object]) -> JpegtraceError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(JpegtraceError, ValueError):
    """The call is wrong; nothing was read or written."""


class ChainError(UsageError):
    """A compression history that does not parse or cannot be carried out."""


class InputError(JpegtraceError):
    """The input is the reason for the failure.

    Attributes:
        what: the sentence without place and name.
        offset: byte offset in the input where it was noticed, if there is one.
        source: name of the input, filled in by whoever knows it.
    """

    def __init__(self, what: str, *, offset: int | None = None, source: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.offset = offset
        self.source = source

    def named(self, source: str | None) -> InputError:
        """Fill in the name of the input and return the same error."""
        if self.source is None:
            self.source = source
        return self

    def __str__(self) -> str:
        place = "" if self.offset is None else f" (at byte {self.offset})"
        name = "" if self.source is None else f"{self.source}: "
        return f"{name}{self.what}{place}"


class UnreadableInput(InputError, OSError):
    """The input cannot be opened or read."""

    # OSError defines its own __str__ on two arguments; ours carries more.
    __str__ = InputError.__str__


class UnknownFormat(InputError):
    """The content is not a picture format that we know."""


class UnsupportedFormat(InputError):
    """A known format, in a variant that is not decoded (12-bit, arithmetic-coded, lossless JPEG, ...)."""


class CorruptInput(InputError):
    """The input breaks the rules of its format."""


class LimitExceeded(InputError):
    """Reading the input would pass a bound."""

    def __init__(
        self, limit: str, allowed: int, found: int, *, offset: int | None = None, source: str | None = None
    ) -> None:
        super().__init__(
            f"{limit} is limited to {allowed:,} and this input asks for {found:,}; "
            f"raise it with Limits({limit}=...) or --limit {limit}=...",
            offset=offset,
            source=source,
        )
        self.limit = limit
        self.allowed = allowed
        self.found = found


class ResourceError(JpegtraceError):
    """A file that belongs to the installation is damaged, missing or of another version."""


class MissingExtra(JpegtraceError, ImportError):
    """An optional part is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an optional part; install it with: pip install 'jpegtrace[{extra}]'")
        self.extra = extra
