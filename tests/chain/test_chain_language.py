"""Text to steps and back, and what the errors say."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpegtrace.chain import language
from jpegtrace.chain.language import Chain, Crop, Jpeg, Resize, Splice
from jpegtrace.chain.sampling import FACTORS, MAX_SIDE, SUBSAMPLINGS
from jpegtrace.errors import ChainError

sides = st.integers(1, MAX_SIDE)
free_text = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=12)


def numbers(low, high, **options):
    return st.floats(low, high, allow_nan=False, **options)


def odd(high):
    return st.integers(0, (high - 1) // 2).map(lambda half: 2 * half + 1)


literal_table = st.lists(st.integers(1, 65535), min_size=64, max_size=64).map(lambda steps: "/".join(map(str, steps)))
boxes = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9), st.integers(1, 9))

STRATEGIES = {
    "jpeg": st.one_of(
        st.builds(
            Jpeg,
            quality=st.none() | st.integers(1, 100),
            subsampling=st.none() | st.sampled_from(SUBSAMPLINGS),
            encoder=st.sampled_from(["libjpeg-turbo", "mozjpeg", "libjpeg-9", "opencv"]),
            progressive=st.booleans(),
            optimize=st.booleans(),
            restart=st.integers(0, 65535),
        ),
        st.builds(Jpeg, table=free_text.filter(lambda text: "/" not in text) | literal_table),
    ),
    "resize": st.one_of(
        st.builds(
            Resize,
            size=numbers(0, 64, exclude_min=True) | st.tuples(sides, sides),
            method=st.sampled_from(["nearest", "bilinear", "bicubic"]),
            antialias=st.booleans(),
        )
    ),
    "crop": st.builds(Crop, st.integers(0, 99), st.integers(0, 99), width=st.none() | sides, height=st.none() | sides),
    "flip": st.builds(language.Flip, st.sampled_from("hv")),
    "rotate": st.builds(language.Rotate, st.sampled_from(["90", "180", "270"])),
    "blur": st.builds(language.Blur, st.just("gauss"), odd(99), st.none() | numbers(0, 100, exclude_min=True))
    | st.builds(language.Blur, st.just("box"), odd(99)),
    "median": st.builds(language.Median, odd(15)),
    "noise": st.builds(language.Noise, sigma=numbers(0, 1000)) | st.builds(language.Noise, var=numbers(0, 1e6)),
    "brightness": st.builds(language.Brightness, numbers(-255, 255)),
    "contrast": st.builds(language.Contrast, numbers(0, 100)),
    "gamma": st.builds(language.Gamma, numbers(0, 100, exclude_min=True)),
    "sharpen": st.builds(language.Sharpen, numbers(0, 100, exclude_min=True), st.integers(0, 1000)),
    "grey": st.just(language.Grey()),
    "colour-roundtrip": st.just(language.ColourRoundtrip()),
}
simple_chains = st.lists(st.one_of(*STRATEGIES.values()), max_size=4).map(lambda steps: Chain(tuple(steps)))
splices = st.one_of(
    st.builds(Splice, rect=boxes, donor=st.none() | free_text, chain=simple_chains),
    st.builds(Splice, ellipse=boxes, at=st.tuples(st.integers(-9, 9), st.integers(-9, 9)), chain=simple_chains),
    st.builds(Splice, mask=free_text, chain=simple_chains),
)
chains = st.lists(st.one_of(*STRATEGIES.values(), splices), max_size=5).map(lambda steps: Chain(tuple(steps)))


def test_every_step_has_a_strategy_here():
    assert set(STRATEGIES) | {"splice"} == set(language.STEPS)


@settings(deadline=None)
@given(chains)
def test_text_parses_back_to_the_same_chain(chain):
    assert Chain.parse(str(chain)) == chain
    assert str(Chain.parse(str(chain))) == str(chain)


@settings(deadline=None)
@given(st.text(alphabet='jpeg:|,=()"75 crop/.xb', max_size=40))
def test_any_text_parses_or_raises_chain_error(text):
    with contextlib.suppress(ChainError):
        assert Chain.parse(str(Chain.parse(text))) == Chain.parse(text)


def test_the_example_of_the_documentation():
    text = "resize:0.8,bilinear | jpeg:75,420,mozjpeg | crop:3,5 | blur:gauss,5 | noise:1.2 | jpeg:table=canon"
    chain = Chain.parse(text)
    assert chain.steps[:3] == (
        Resize(0.8, "bilinear"),
        Jpeg(quality=75, subsampling="420", encoder="mozjpeg"),
        Crop(dx=3, dy=5),
    )
    assert str(chain) == text


def test_optional_bare_values_may_be_left_out():
    assert Chain.parse("jpeg:75,mozjpeg,progressive") == Chain((Jpeg(75, encoder="mozjpeg", progressive=True),))
    assert Chain.parse("jpeg:420") == Chain((Jpeg(subsampling="420"),))
    assert Chain.parse("resize:300x200,antialias=no") == Chain((Resize((300, 200), antialias=False),))
    assert Chain.parse("gray|color-roundtrip") == Chain((language.Grey(), language.ColourRoundtrip()))


def test_a_donor_has_a_chain_of_its_own():
    chain = Chain.parse('jpeg:90 | splice:rect=1/2/30/40,donor="a, b|c.png",chain=(jpeg:60 | crop:1,2) | jpeg:80')
    (splice,) = (step for step in chain if isinstance(step, Splice))
    assert splice.rect == (1, 2, 30, 40)
    assert splice.donor == "a, b|c.png"
    assert splice.chain == Chain((Jpeg(60), Crop(1, 2)))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("jpg:75", ["step 1", "character 1", "'jpg'", "did you mean 'jpeg'"]),
        ("jpeg:75 | crp:1,2", ["step 2", "character 11", "'crp'", "did you mean 'crop'"]),
        ("wavelet", ["there is no step 'wavelet'", "there are jpeg, resize"]),
        ("jpeg:750", ["step 1 'jpeg'", "argument 1", "character 6", "'750'", "quality (1..100)"]),
        ("jpeg:75,mozjepg", ["argument 2", "character 9", "did you mean 'mozjpeg'"]),
        ("jpeg:qualty=5", ["argument 1", "did you mean 'quality'"]),
        ("jpeg:progresive", ["did you mean 'progressive'"]),
        ("jpeg:encoder=mozjepg", ["encoder='mozjepg'", "did you mean 'mozjpeg'"]),
        ("jpeg:75,quality=5", ["quality is given twice"]),
        ("jpeg:75,", ["argument 2", "is empty"]),
        ("jpeg:75,table=canon", ["a quality or a table, not both"]),
        ("jpeg:table=1/2/3", ["64 or 128 whole numbers", "3 parts"]),
        ("jpeg || crop:1,1", ["step 2", "is empty"]),
        ("crop:5", ["dy is missing", "usage: crop:DX,DY[,WIDTH][,HEIGHT]"]),
        ("crop:1,2,3,4,5", ["'5' is one too many"]),
        ("median:4", ["an odd number 1..15"]),
        ("resize:0", ["'0' does not fit size"]),
        ("resize:0.5,lanczos,antialias=no", ["method lanczos"]),
        ("noise:1,var=2", ["takes a sigma or a var"]),
        ("noise", ["takes a sigma or a var"]),
        ("noise:nan", ["'nan'"]),
        ("blur:box,3,1.5", ["a box has no sigma"]),
        ("splice:rect=1/2/3", ["rect='1/2/3' is not X/Y/W/H"]),
        ("splice:donor=a", ["exactly one of rect, ellipse and mask"]),
        ("splice:rect=1/2/3/4,chain=(jpeg:5 | jpg:3)", ["step 2", "character 37", "'jpg'"]),
        ("splice:rect=1/2/3/4,chain=(splice:rect=1/1/1/1)", ["cannot hold a splice"]),
        ("splice:rect=1/2/3/4,chain=(jpeg:5", ["parenthesis at character 27 is never closed"]),
        ("jpeg:5)", ["parenthesis at character 7 closes nothing"]),
        ('jpeg:table="canon"x', ["is not one text in double quotes"]),
        ('jpeg:table="canon', ["quote at character 12 is never closed"]),
    ],
)
def test_errors_name_step_argument_and_place(text, parts):
    with pytest.raises(ChainError) as caught:
        Chain.parse(text)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Jpeg(0),
        lambda: Jpeg(75.5),
        lambda: Jpeg(True),
        lambda: Jpeg(subsampling="421"),
        lambda: Resize(-1),
        lambda: Resize((0, 5)),
        lambda: Crop(-1, 0),
        lambda: Splice(rect=(0, 0, 0, 5)),
        lambda: Chain(("jpeg:75",)),
    ],
)
def test_constructors_check_like_the_parser(make):
    with pytest.raises(ChainError):
        make()


def test_help_covers_every_step_and_argument():
    for entry in language.step_help():
        assert entry.doc.endswith(".")
        assert entry.usage.startswith(entry.name)
        cls = language.STEPS[entry.name]
        assert [argument[0] for argument in entry.arguments] == list(cls.arguments())
        assert all(allowed and doc for _, allowed, _, doc in entry.arguments)


def test_reading_a_chain_does_not_load_the_compiler():
    code = "import sys, jpegtrace.chain as c; c.Chain.parse('jpeg:75'); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("text", ["blur:gauss,4", "blur:box,400", "noise:-1"])
def test_a_number_out_of_range_does_not_slip_on_to_the_next_argument(text):
    with pytest.raises(ChainError, match="does not fit"):
        Chain.parse(text)


def test_a_number_that_is_a_word_of_a_later_argument_still_finds_it():
    assert Chain.parse("jpeg:444").steps[0].subsampling == "444"


LONG = "1" * 5000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jpeg:table=" + "/".join(["1"] * 63 + [LONG]), "at most 5 digits"),
        (f"jpeg:quality={LONG}", "more than the 32 characters"),
        (f"jpeg:{LONG}", "does not fit quality"),
        (f"resize:{LONG}x1", "does not fit size"),
        (f"resize:size={LONG}x1", "more than the 32 characters"),
        (f"noise:var={LONG}", "more than the 32 characters"),
        (f"splice:rect=1/1/1/{LONG}", "more than the 32 characters"),
        ("(" * 3000, "character 9 is nested deeper than 8"),
        ("splice:rect=1/1/1/1,chain=" + "(splice:chain=" * 3000 + ")" * 3000, "nested deeper than 8"),
        (LONG, "there is no step"),
    ],
    ids=lambda text: text[:20],
)
def test_excess_is_refused_in_a_short_sentence(text, message):
    with pytest.raises(ChainError, match=message) as caught:
        Chain.parse(text)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "make",
    [
        lambda: Jpeg(10**5000),
        lambda: Jpeg(table="/".join(["1"] * 63 + [LONG])),
        lambda: Resize((10**5000, 1)),
        lambda: Resize(10**400),
        lambda: language.Gamma(10**400),
        lambda: Splice(rect=(0, 0, 1, 10**5000)),
    ],
)
def test_constructors_refuse_excess_like_the_parser(make):
    with pytest.raises(ChainError):
        make()


def test_the_longest_numbers_still_pass_through_text():
    for step in (language.Brightness(-2.2250738585072014e-308), language.Noise(sigma=1.2345678901234567e-300)):
        assert Chain.parse(str(step)).steps == (step,)


def test_step_encoders_and_codec_share_their_subsamplings():
    from jpegtrace.chain import codec, encoders

    assert tuple(Jpeg.arguments()["subsampling"].words()) == tuple(FACTORS)
    for name in encoders.names():
        assert set(encoders.find(name).subsamplings) <= set(FACTORS)
    for name in FACTORS:
        codec.compress(np.zeros((8, 8, 3), np.uint8), np.ones((8, 8), int), subsampling=name)


def test_step_and_filter_share_their_methods():
    from jpegtrace.chain import filters

    pixels = np.zeros((8, 8), np.uint8)
    for method in Resize.arguments()["method"].words():
        assert filters.resize(pixels, 4, 5, method, antialias=True).shape == (4, 5)
        if method in filters.POINT_SAMPLED:
            assert Resize(0.5, method, antialias=False).method == method
            assert filters.resize(pixels, 4, 5, method, antialias=False).shape == (4, 5)
        else:
            with pytest.raises(ChainError, match="nearest, bilinear, bicubic have"):
                Resize(0.5, method, antialias=False)
