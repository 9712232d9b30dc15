"""The language of histories: text to typed steps and back.

A chain is a list of steps separated by "|"; a step is a name, and after a colon its arguments separated by commas::

    resize:0.8,bicubic | jpeg:75,420,mozjpeg | crop:3,5 | blur:gauss,5 | noise:1.2 | jpeg:table=canon

An argument is `key=value`, or a bare value, which goes to the next argument in the order of the step's help that takes
it (so an optional one can be left out). A bare name of a yes/no argument switches it on. Values with commas, bars or
parentheses stand in double quotes, a quote inside is doubled; a chain inside a chain stands in parentheses.

`str(chain)` gives a text that parses to an equal chain. Each step class declares its arguments once; the parser, the
checks of the constructors, the text form and `step_help` all read that declaration.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

from jpegtrace.chain.filters import POINT_SAMPLED, RESAMPLING
from jpegtrace.chain.sampling import MAX_SIDE, SUBSAMPLINGS
from jpegtrace.errors import ChainError

MAX_NUMBER = 32  # characters; the longest that Python writes for a float has 24
MAX_NESTING = 8  # parentheses within parentheses; the steps of today need one

# --- arguments ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Argument:
    """How one argument of a step is read, checked, shown and described.

    Attributes:
        doc: one line.
        allowed: what it takes, in words.
        check: value to its normal form; ValueError with the reason otherwise.
        read: text to value; ValueError where it cannot be one.
        show: value to text.
        positional: may be given without its key.
        required: has no default.
        default: its value when it is not given.
        words: values to choose from, for suggestions.
    """

    doc: str
    allowed: Callable[[], str]
    check: Callable[[Any], Any]
    read: Callable[[str], Any]
    show: Callable[[Any], str]
    positional: bool
    required: bool
    default: Any
    words: Callable[[], Sequence[str]]

    def accepts(self, text: str) -> bool:
        """Whether a bare text can be this argument."""
        try:
            self.check(self.read(text))
        except (ValueError, OverflowError):
            return False
        return True


_REQUIRED: Any = object()


def _argument(
    doc: str,
    allowed: Callable[[], str],
    check: Callable[[Any], Any],
    read: Callable[[str], Any],
    show: Callable[[Any], str] = str,
    *,
    default: Any = _REQUIRED,
    positional: bool = True,
    words: Callable[[], Sequence[str]] = tuple,
) -> Any:
    required = default is _REQUIRED

    def optional_check(value: Any) -> Any:
        return None if value is None and default is None else check(value)

    declared = Argument(
        doc, allowed, optional_check, read, show, positional, required, None if required else default, words
    )
    metadata = {"argument": declared}
    return field(metadata=metadata) if required else field(default=default, metadata=metadata)


def _integer(doc: str, low: int, high: int, *, odd: bool = False, **options: Any) -> Any:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise ValueError("is not a whole number")
        whole = int(value)
        if not low <= whole <= high or (odd and whole % 2 == 0):
            raise ValueError(f"is not {allowed()}")
        return whole

    def allowed() -> str:
        return f"{'an odd number ' if odd else ''}{low}..{high}"

    return _argument(doc, allowed, check, _whole, **options)


def _bounded(text: str) -> str:
    if len(text) > MAX_NUMBER:
        raise ValueError(f"has more than the {MAX_NUMBER} characters that a number may have")
    return text


def _whole(text: str) -> int:
    return int(_bounded(text))


def _real(text: str) -> float:
    return float(_bounded(text))


def brief(value: Any) -> str:
    """What a message shows of a value."""
    try:
        shown = repr(value)
    except ValueError:  # Python does not write whole numbers of thousands of digits
        return "a number of thousands of digits"
    return shown if len(shown) <= 120 else f"{shown[:100]}..."


def _show_number(value: float) -> str:
    short = format(value, "g")
    return short if float(short) == value else repr(value)


def _number(doc: str, low: float, high: float, *, above: bool = False, **options: Any) -> Any:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise ValueError("is not a number")
        number = float(value)
        if not low <= number <= high or (above and number == low):
            raise ValueError(f"is not {allowed()}")
        return number

    def allowed() -> str:
        return f"{'above ' if above else ''}{_show_number(low)}..{_show_number(high)}"

    return _argument(doc, allowed, check, _real, _show_number, **options)


def _choice(doc: str, words: Sequence[str] | Callable[[], Sequence[str]], **options: Any) -> Any:
    def all_words() -> Sequence[str]:
        return words() if callable(words) else words

    def check(value: Any) -> str:
        if value not in all_words():
            raise ValueError(f"is none of {', '.join(all_words())}{_did_you_mean(str(value), all_words())}")
        return str(value)

    return _argument(doc, lambda: " ".join(all_words()), check, str, words=all_words, **options)


def _flag(doc: str, *, default: bool) -> Any:
    words = {"yes": True, "no": False}

    def read(text: str) -> bool:
        if text not in words:
            raise ValueError("is neither yes nor no")
        return words[text]

    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("is neither yes nor no")
        return value

    def show(value: bool) -> str:
        return "yes" if value else "no"

    return _argument(
        doc, lambda: "yes no", check, read, show, default=default, positional=False, words=lambda: ["yes", "no"]
    )


def _text(doc: str, **options: Any) -> Any:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError("is not a text")
        return value

    return _argument(doc, lambda: "a text", check, _unquoted, _quoted, positional=False, **options)


def _integers(doc: str, names: str, low: int, high: int, **options: Any) -> Any:
    """Several numbers joined by "/", as in X/Y/W/H."""
    count = len(names.split("/"))

    def check(value: Any) -> tuple[int, ...]:
        if not isinstance(value, tuple) or len(value) != count or not all(type(part) is int for part in value):
            raise ValueError(f"is not {names}")
        if not all(low <= part <= high for part in value):
            raise ValueError(f"has a number outside {low}..{high}")
        return value

    def read(text: str) -> tuple[int, ...]:
        return tuple(map(_whole, text.split("/")))

    def show(value: tuple[int, ...]) -> str:
        return "/".join(map(str, value))

    return _argument(doc, lambda: names, check, read, show, positional=False, **options)


def _size(doc: str) -> Any:
    """A factor, or WIDTHxHEIGHT."""

    def check(value: Any) -> float | tuple[int, int]:
        if isinstance(value, tuple):
            if len(value) != 2 or not all(type(side) is int and 1 <= side <= MAX_SIDE for side in value):
                raise ValueError(f"is not WIDTHxHEIGHT with sides 1..{MAX_SIDE}")
            return value
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) <= 64:
            raise ValueError("is neither a factor above 0..64 nor WIDTHxHEIGHT")
        return float(value)

    def read(text: str) -> float | tuple[int, ...]:
        return tuple(map(_whole, text.split("x"))) if "x" in text else _real(text)

    def show(value: float | tuple[int, int]) -> str:
        return f"{value[0]}x{value[1]}" if isinstance(value, tuple) else _show_number(value)

    return _argument(doc, lambda: "FACTOR or WIDTHxHEIGHT", check, read, show)


def _quoted(text: str) -> str:
    plain = not any(sign in text for sign in '"|,()=') and text == text.strip()
    return text if plain else '"' + text.replace('"', '""') + '"'


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    inner = text[1:-1]
    if len(text) < 2 or not text.endswith('"') or '"' in inner.replace('""', ""):
        raise ValueError("is not one text in double quotes")
    return inner.replace('""', '"')


def _did_you_mean(text: str, words: Sequence[str]) -> str:
    close = difflib.get_close_matches(text.lower(), list(words), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


# --- steps --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One step of a history. Subclasses declare arguments as fields and are registered with `@_step`."""

    name: ClassVar[str] = ""
    geometric: ClassVar[bool] = False

    @classmethod
    def arguments(cls) -> dict[str, Argument]:
        """Declared arguments in order, by the name that the text uses."""
        return {part.name: part.metadata["argument"] for part in dataclasses.fields(cls)}

    def __post_init__(self) -> None:
        for key, argument in self.arguments().items():
            try:
                value = argument.check(getattr(self, key))
            except ValueError as error:
                raise ChainError(f"step {self.name!r}: {key}={brief(getattr(self, key))} {error}") from None
            except OverflowError:
                raise ChainError(f"step {self.name!r}: {key} is not {argument.allowed()}") from None
            object.__setattr__(self, key, value)
        problem = self.problem()
        if problem:
            raise ChainError(f"step {self.name!r}: {problem}")

    def problem(self) -> str | None:
        """What is wrong with the combination of arguments, if anything."""
        return None

    def parameters(self) -> dict[str, Any]:
        """Arguments and values."""
        return {key: getattr(self, key) for key in self.arguments()}

    def __str__(self) -> str:
        parts: list[str] = []
        skipped: list[tuple[str, Argument]] = []
        for key, argument in self.arguments().items():
            value = getattr(self, key)
            if not argument.required and value == argument.default:
                skipped += [(key, argument)] if argument.positional else []
                continue
            shown = argument.show(value)
            if argument.positional and not argument.words() and all(other.default is not None for _, other in skipped):
                # A number says nothing without the ones before it: blur:gauss,5 rather than blur:5.
                parts += [other.show(other.default) for _, other in skipped]
                skipped = []
                parts.append(shown)
            elif argument.positional and not any(other.accepts(shown) for _, other in skipped):
                parts.append(shown if argument.words() or not skipped else f"{key}={shown}")
            else:
                parts.append(f"{key}={shown}")
        return f"{self.name}:{','.join(parts)}" if parts else self.name


STEPS: dict[str, type[Step]] = {}
ALIASES = {"gray": "grey", "color-roundtrip": "colour-roundtrip"}

S = TypeVar("S", bound=type[Step])


def _step(name: str, *, geometric: bool = False) -> Callable[[S], S]:
    """Register a step class; the first line of its docstring is its help."""

    def register(cls: S) -> S:
        if name in STEPS:
            raise ChainError(f"there is already a step called {name!r}")
        cls.name = name
        cls.geometric = geometric
        STEPS[name] = cls
        return cls

    return register


def _encoder_names() -> Sequence[str]:
    from jpegtrace.chain import encoders

    return encoders.names()


@_step("jpeg")
@dataclass(frozen=True)
class Jpeg(Step):
    """Compress with an encoder, and decode again with Pillow."""

    quality: int | None = _integer("quality on the encoder's scale; its default without", 1, 100, default=None)
    subsampling: str | None = _choice("chroma subsampling; 420 without", SUBSAMPLINGS, default=None)
    encoder: str = _choice("who compresses", _encoder_names, default="libjpeg-turbo")
    table: str | None = _text(
        "name of a table family, or 64 or 128 numbers joined by / (rows of the luma table, then of the chroma table)",
        default=None,
    )
    progressive: bool = _flag("progressive scans", default=False)
    optimize: bool = _flag("Huffman tables made for the picture", default=False)
    restart: int = _integer("restart interval in MCUs, 0 for none", 0, 65535, default=0, positional=False)

    def problem(self) -> str | None:
        """A quality and a table exclude each other; literal tables are checked here."""
        if self.table is None:
            return None
        if self.quality is not None:
            return "takes a quality or a table, not both"
        if "/" not in self.table:
            return None
        parts = self.table.split("/")
        # The length first: Python refuses to read a number of thousands of digits.
        fitting = all(part.isdecimal() and len(part) <= 5 and 1 <= int(part) <= 65535 for part in parts)
        if len(parts) not in (64, 128) or not fitting:
            return (
                "a literal table has 64 or 128 whole numbers 1..65535 of at most 5 digits joined by /, "
                f"not {len(parts)} parts like these"
            )
        return None

    def literal_tables(self) -> tuple[tuple[int, ...], ...] | None:
        """The numbers of a literal table: one or two times 64, row-major."""
        if self.table is None or "/" not in self.table:
            return None
        numbers = tuple(int(part) for part in self.table.split("/"))
        return tuple(numbers[start : start + 64] for start in range(0, len(numbers), 64))


@_step("resize", geometric=True)
@dataclass(frozen=True)
class Resize(Step):
    """Resize; destroys every earlier grid unless the size stays."""

    size: float | tuple[int, int] = _size("new size")
    method: str = _choice("interpolation", tuple(RESAMPLING), default="bicubic")
    antialias: bool = _flag("yes: Pillow's filters; no: point-sampled like OpenCV", default=True)

    def problem(self) -> str | None:
        """Point sampling exists for some methods."""
        if not self.antialias and self.method not in POINT_SAMPLED:
            return f"method {self.method} has no form without antialiasing; {', '.join(POINT_SAMPLED)} have"
        return None


@_step("crop", geometric=True)
@dataclass(frozen=True)
class Crop(Step):
    """Cut columns from the left and rows from the top, which shifts the grid; and to a size, if given."""

    dx: int = _integer("columns cut from the left", 0, MAX_SIDE)
    dy: int = _integer("rows cut from the top", 0, MAX_SIDE)
    width: int | None = _integer("columns kept; all without", 1, MAX_SIDE, default=None)
    height: int | None = _integer("rows kept; all without", 1, MAX_SIDE, default=None)


@_step("flip", geometric=True)
@dataclass(frozen=True)
class Flip(Step):
    """Mirror left-right (h) or top-bottom (v)."""

    direction: str = _choice("which way", ("h", "v"))


@_step("rotate", geometric=True)
@dataclass(frozen=True)
class Rotate(Step):
    """Rotate counter-clockwise by quarter turns."""

    degrees: str = _choice("how far", ("90", "180", "270"))


@_step("blur")
@dataclass(frozen=True)
class Blur(Step):
    """Gaussian or box blur with OpenCV's border and default sigma."""

    kind: str = _choice("kernel", ("gauss", "box"), default="gauss")
    size: int = _integer("side of the kernel", 1, 99, odd=True, default=3)
    sigma: float | None = _number("of the bell; from the size without", 0, 100, above=True, default=None)

    def problem(self) -> str | None:
        """A box has no sigma."""
        return "a box has no sigma" if self.kind == "box" and self.sigma is not None else None


@_step("median")
@dataclass(frozen=True)
class Median(Step):
    """Median filter, as OpenCV's."""

    size: int = _integer("side of the window", 1, 15, odd=True)


@_step("noise")
@dataclass(frozen=True)
class Noise(Step):
    """Add Gaussian noise, drawn from the seed of the run."""

    sigma: float | None = _number("standard deviation in grey levels", 0, 1000, default=None)
    var: float | None = _number("variance in grey levels squared", 0, 1_000_000, default=None, positional=False)

    def problem(self) -> str | None:
        """One of the two."""
        return "takes a sigma or a var" if (self.sigma is None) == (self.var is None) else None

    @property
    def deviation(self) -> float:
        """Standard deviation in grey levels."""
        return math.sqrt(self.var) if self.var is not None else float(self.sigma or 0.0)


@_step("brightness")
@dataclass(frozen=True)
class Brightness(Step):
    """Add grey levels and clip."""

    delta: float = _number("grey levels", -255, 255)


@_step("contrast")
@dataclass(frozen=True)
class Contrast(Step):
    """Scale the distance from mid-grey and clip."""

    factor: float = _number("scale", 0, 100)


@_step("gamma")
@dataclass(frozen=True)
class Gamma(Step):
    """255 (v / 255) ** exponent."""

    exponent: float = _number("power", 0, 100, above=True)


@_step("sharpen")
@dataclass(frozen=True)
class Sharpen(Step):
    """Unsharp mask, Pillow's with threshold 0."""

    radius: float = _number("of the blur", 0, 100, above=True, default=2.0)
    percent: int = _integer("strength", 0, 1000, default=100)


@_step("grey")
@dataclass(frozen=True)
class Grey(Step):
    """Keep the luma only."""


@_step("colour-roundtrip")
@dataclass(frozen=True)
class ColourRoundtrip(Step):
    """RGB to 8-bit YCbCr and back, without compression."""


def _chain_argument(doc: str) -> Any:
    def check(value: Any) -> Chain:
        if not isinstance(value, Chain):
            raise ValueError("is not a chain in parentheses")
        return value

    def read(text: str) -> Chain:
        if not (text.startswith("(") and text.endswith(")")):
            raise ValueError("is not a chain in parentheses")
        return Chain.parse(text[1:-1])

    return _argument(doc, lambda: "(CHAIN)", check, read, lambda value: f"({value})", default=EMPTY, positional=False)


@dataclass(frozen=True)
class Chain:
    """A history: steps in order.

    Attributes:
        steps: the steps, first one first.
    """

    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        for step in self.steps:
            if not isinstance(step, Step):
                raise ChainError(f"a chain is made of steps, not of {step!r}; Chain.parse reads text")

    @classmethod
    def parse(cls, text: str) -> Chain:
        """Read a chain; the empty text is the empty chain.

        Raises:
            ChainError: naming the step, the argument and the character where it went wrong.
        """
        return _parse_chain(text, 0)

    def __str__(self) -> str:
        return " | ".join(map(str, self.steps))

    def __add__(self, other: Chain) -> Chain:
        return Chain(self.steps + other.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)


EMPTY = Chain()


@_step("splice")
@dataclass(frozen=True)
class Splice(Step):
    """Put a region of another picture, with a history of its own, over this one."""

    rect: tuple[int, int, int, int] | None = _integers("rectangle of the region", "X/Y/W/H", 0, MAX_SIDE, default=None)
    ellipse: tuple[int, int, int, int] | None = _integers(
        "rectangle around an elliptic region", "X/Y/W/H", 0, MAX_SIDE, default=None
    )
    mask: str | None = _text("region as a picture (not 0 is inside): a name given to simulate, or a path", default=None)
    donor: str | None = _text(
        "the other picture: a name given to simulate, or a path; the input picture without", default=None
    )
    at: tuple[int, int] = _integers(
        "where the donor's top-left corner comes to lie", "X/Y", -MAX_SIDE, MAX_SIDE, default=(0, 0)
    )
    chain: Chain = _chain_argument("the donor's history")  # noqa: RUF009 - makes a dataclass field, as the others

    def problem(self) -> str | None:
        """Exactly one region, and no splice inside the donor."""
        regions = [region for region in (self.rect, self.ellipse, self.mask) if region is not None]
        if len(regions) != 1:
            return "takes exactly one of rect, ellipse and mask"
        for region in (self.rect, self.ellipse):
            if region is not None and 0 in region[2:]:
                return "the region is empty"
        if any(isinstance(step, Splice) for step in self.chain):
            return "a donor's chain cannot hold a splice"
        return None


# --- parser -------------------------------------------------------------------------------------------------------


def _split(text: str, separator: str, offset: int) -> list[tuple[str, int]]:
    """Pieces between separators outside quotes and parentheses, stripped, each with its place in the whole text."""
    pieces: list[tuple[str, int]] = []
    depth, quoted, start, opened = 0, False, 0, 0
    for index, sign in enumerate(text + separator):
        at_end = index == len(text)
        if at_end and (quoted or depth):
            what = "quote" if quoted else "parenthesis"
            raise ChainError(f"the {what} at character {offset + opened + 1} is never closed")
        if sign == '"' and not at_end:
            quoted = not quoted
            opened = index if quoted else opened
        elif quoted:
            continue
        elif sign == "(":
            opened = index if depth == 0 else opened
            depth += 1
            if depth > MAX_NESTING:
                raise ChainError(
                    f"the parenthesis at character {offset + index + 1} is nested deeper than {MAX_NESTING}"
                )
        elif sign == ")":
            depth -= 1
            if depth < 0:
                raise ChainError(f"the parenthesis at character {offset + index + 1} closes nothing")
        elif sign == separator and depth == 0:
            piece = text[start:index]
            pieces.append((piece.strip(), offset + start + len(piece) - len(piece.lstrip())))
            start = index + 1
    return pieces


def _parse_chain(text: str, offset: int) -> Chain:
    if not text.strip():
        return EMPTY
    pieces = _split(text, "|", offset)
    return Chain(tuple(_parse_step(piece, place, number) for number, (piece, place) in enumerate(pieces, 1)))


def _parse_step(text: str, offset: int, number: int) -> Step:
    name, colon, rest = text.partition(":")
    name = name.strip()
    cls = STEPS.get(ALIASES.get(name, name))
    if cls is None:
        if not name:
            raise ChainError(f"step {number} at character {offset + 1} is empty")
        raise ChainError(
            f"step {number} at character {offset + 1}: there is no step {brief(name)}"
            f"{_did_you_mean(name, [*STEPS, *ALIASES]) or '; there are ' + ', '.join(STEPS)}"
        )
    where = f"step {number} {name!r}"
    values: dict[str, Any] = {}
    if colon:
        start = offset + text.index(":") + 1
        for position, (piece, place) in enumerate(_split(rest, ",", start), 1):
            key, value = _parse_argument(
                cls, piece, values, place, f"{where}, argument {position} at character {place + 1}"
            )
            values[key] = value
    missing = [key for key, argument in cls.arguments().items() if argument.required and key not in values]
    if missing:
        raise ChainError(f"{where} at character {offset + 1}: {missing[0]} is missing; usage: {usage(cls)}")
    try:
        return cls(**values)
    except ChainError as error:
        reason = str(error).removeprefix(f"step {cls.name!r}: ")
        raise ChainError(f"{where} at character {offset + 1}: {reason}") from None


def _parse_argument(cls: type[Step], text: str, given: dict[str, Any], place: int, where: str) -> tuple[str, Any]:
    """Key and value of one piece between commas."""
    arguments = cls.arguments()
    if not text:
        raise ChainError(f"{where} is empty; usage: {usage(cls)}")
    key, equals, rest = text.partition("=")
    key = key.strip()
    if equals and not text.startswith(('"', "(")):
        if key not in arguments:
            suggestion = _did_you_mean(key, list(arguments)) or f"; usage: {usage(cls)}"
            raise ChainError(f"{where}: there is no argument {brief(key)}{suggestion}")
        if key in given:
            raise ChainError(f"{where}: {key} is given twice")
        value_place = place + len(text) - len(rest.lstrip())
        return key, _parse_value(arguments[key], rest.strip(), value_place, f"{where}: {key}")
    if text in arguments and isinstance(arguments[text].default, bool):
        if text in given:
            raise ChainError(f"{where}: {text} is given twice")
        return text, True
    return _place_bare(arguments, text, given, where, cls)


def _parse_value(argument: Argument, text: str, place: int, where: str) -> Any:
    if isinstance(argument.default, Chain) and text.startswith("(") and text.endswith(")"):
        return _parse_chain(text[1:-1], place + 1)
    try:
        return argument.check(argument.read(text))
    except (ValueError, OverflowError) as error:
        reason = str(error) if str(error).startswith(("is ", "has ")) else f"is not {argument.allowed()}"
        raise ChainError(f"{where}={brief(text)} {reason}") from None


def _place_bare(
    arguments: dict[str, Argument], text: str, given: dict[str, Any], where: str, cls: type[Step]
) -> tuple[str, Any]:
    """Give a bare value to the next argument that takes it; a required one is not passed over."""
    tried: list[str] = []
    words: list[str] = [key for key, argument in arguments.items() if isinstance(argument.default, bool)]
    refused_by_number = False
    for key, argument in arguments.items():
        if not argument.positional or key in given:
            continue
        # A size that is out of range must not slip on to the next number and become a sigma.
        if not (refused_by_number and not argument.words()) and argument.accepts(text):
            return key, argument.check(argument.read(text))
        tried.append(f"{key} ({argument.allowed()})")
        words += argument.words()
        refused_by_number |= not argument.words()
        if argument.required:
            break
    if not tried:
        raise ChainError(f"{where}: {brief(text)} is one too many; usage: {usage(cls)}")
    raise ChainError(f"{where}: {brief(text)} does not fit {' or '.join(tried)}{_did_you_mean(text, words)}")


# --- help ---------------------------------------------------------------------------------------------------------


def usage(step: type[Step] | str) -> str:
    """One line: the step with its arguments, optional ones in brackets."""
    cls = STEPS[step] if isinstance(step, str) else step
    shown = ""
    for key, argument in cls.arguments().items():
        part = key.upper() if argument.positional else f"{key}=..."
        part = f"{',' if shown else ':'}{part}"
        shown += part if argument.required else f"[{part}]"
    return cls.name + shown


@dataclass(frozen=True)
class StepHelp:
    """What there is to say about a step.

    Attributes:
        name: of the step.
        usage: one line.
        doc: one line.
        arguments: (name, allowed values, default or "", one line) of each.
    """

    name: str
    usage: str
    doc: str
    arguments: tuple[tuple[str, str, str, str], ...]


def step_help() -> tuple[StepHelp, ...]:
    """Help of every step, for the command line and the documentation."""
    entries = []
    for name, cls in STEPS.items():
        arguments = tuple(
            (key, part.allowed(), "" if part.default is None else part.show(part.default), part.doc)
            for key, part in cls.arguments().items()
        )
        doc = (cls.__doc__ or "").strip().splitlines()[0]
        entries.append(StepHelp(name, usage(cls), doc, arguments))
    return tuple(entries)
