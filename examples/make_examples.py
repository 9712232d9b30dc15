"""Make the example pictures: a rendered harbour with a history that is known to the last step.

Run ``python examples/make_examples.py`` from the root of the project (needs the package and nothing else). It writes
``examples/harbour.jpg``, the picture that the README inspects, ``examples/harbour.truth.json``, its history, and
``examples/quay.png``, a piece of it that is no JPEG any more:

1. a picture that says it comes from a camera, saved at quality 75; its EXIF holds a thumbnail of the whole view;
2. a boat from another picture, compressed before at another quality on another grid, is pasted in;
3. the picture is cropped to an upright format and saved with Photoshop's tables. Nobody mends EXIF and thumbnail.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from jpegtrace.chain import splice

HERE = Path(__file__).parent
HEIGHT, WIDTH = 512, 768
QUAY = 9, 290  # left and top of a piece of the example that is kept as PNG
SEED = 7


def clouds(rng: np.random.Generator, height: int, width: int, stretch: float, power: float) -> np.ndarray:
    """Noise with a falling spectrum, stretched sideways; zero mean, unit deviation."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.fftfreq(width) * width * stretch) + 1
    field = np.real(np.fft.ifft2(np.fft.fft2(rng.normal(size=(height, width))) / frequency**power))
    return (field - field.mean()) / field.std()


def mix(below: np.ndarray, colour: tuple[float, float, float], amount: np.ndarray) -> np.ndarray:
    """Lay a colour over a picture."""
    amount = np.clip(amount, 0, 1)[..., None]
    return below * (1 - amount) + np.array(colour, float) * amount


def harbour(rng: np.random.Generator) -> np.ndarray:
    """An evening by the sea with a lighthouse; uint8 (512, 768, 3)."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    horizon = 300.0
    up = np.clip(1 - y / horizon, 0, 1)[..., None]
    picture = np.array([248, 176, 112.0]) * (1 - up) + np.array([52, 84, 148.0]) * up
    picture = mix(picture, (255, 214, 176), 0.35 * clouds(rng, HEIGHT, WIDTH, 0.35, 1.7) * (y < horizon))
    sun = np.exp(-((x - 520) ** 2 + (y - 268) ** 2) / 900)
    picture = mix(picture, (255, 244, 214), sun * (y < horizon))
    sea = np.array([38, 74, 104.0]) + np.clip((y - horizon) / 212, 0, 1)[..., None] * np.array([-14, -22, -22.0])
    picture = np.where((y >= horizon)[..., None], sea, picture)
    waves = clouds(rng, HEIGHT, WIDTH, 0.25, 1.0) + np.sin(y / 2.2 + 2 * clouds(rng, HEIGHT, WIDTH, 0.3, 1.6))
    glitter = np.exp(-((x - 520) ** 2) / (900 + 22 * np.clip(y - horizon, 0, None) ** 1.3))
    picture = mix(picture, (250, 200, 140), (0.12 * waves + 0.5 * glitter * (waves > 0.6)) * (y >= horizon))
    ridge = np.interp(x, np.arange(WIDTH), clouds(rng, 8, WIDTH, 1, 1.5)[0])
    hill = 306 - (74 + 6 * ridge) * np.exp(-(((x - 40) / 210) ** 2))
    picture = mix(picture, (58, 62, 70), ((y > hill) & (y < horizon + 2)) * 1.0)
    texture = clouds(rng, HEIGHT, WIDTH, 1.0, 0.9)
    rock = 356 - 80 * np.exp(-(((x - 188) / 84) ** 4)) + 5 * texture
    island = (y > rock) & (y < 352 + 3 * texture)
    picture = mix(picture, (72, 66, 62), island * 0.95) + (island * 9 * texture)[..., None]
    side = np.abs(x - 188) - (17 + (y - 120) * 0.052)
    tower = np.clip(0.5 - side, 0, 1) * ((y > 120) & (y < 284))
    shade = np.clip(1 - (x - 170) / 60, 0.45, 1)[..., None]
    stripe = ((y - 120) // 33 % 2 == 0)[..., None]
    paint = np.where(stripe, np.array([214, 208, 200.0]), np.array([176, 52, 44.0])) * shade
    picture = picture * (1 - tower[..., None]) + paint * tower[..., None]
    lantern = (np.abs(x - 188) < 14) & (y > 94) & (y <= 120)
    picture = mix(picture, (255, 236, 170), lantern * 0.9)
    picture = mix(picture, (48, 44, 46), ((np.abs(x - 188) < 22 - np.abs(y - 92) * 1.4) & (y <= 94) & (y > 76)) * 1.0)
    picture = mix(picture, (255, 240, 190), 0.5 * np.exp(-((x - 188) ** 2 + (y - 107) ** 2) / 420))
    return np.clip(picture + rng.normal(0, 2.2, picture.shape), 0, 255).astype(np.uint8)


def boat(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A boat on other water, and where it is; the size of the harbour."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    picture = np.full((HEIGHT, WIDTH, 3), (44, 80, 108), float)
    picture += 7 * clouds(rng, HEIGHT, WIDTH, 0.3, 1.0)[..., None]
    hull = (y > 372) & (y < 398) & (np.abs(x - 420) < 66 - (y - 372) * 0.9)
    sail = (y > 272) & (y < 366) & (x > 424) & (x - 424 < (y - 272) * 0.58)
    jib = (y > 292) & (y < 366) & (x < 416) & (416 - x < (y - 292) * 0.5)
    mast = (y > 262) & (y < 374) & (np.abs(x - 420) < 2)
    picture = mix(picture, (96, 60, 40), hull * 1.0) + (hull * np.sin(y * 1.3) * 8)[..., None]
    picture = mix(picture, (236, 228, 214), (sail | jib) * 0.96)
    picture -= ((sail | jib) * (8 + 6 * np.sin(x / 5.0)))[..., None]
    picture = mix(picture, (60, 44, 34), mast * 1.0)
    mask = hull | sail | jib | mast
    return np.clip(picture + rng.normal(0, 2.2, picture.shape), 0, 255).astype(np.uint8), mask


def exif_of_camera(thumbnail: bytes) -> bytes:
    """EXIF as the camera wrote it, before the crop: size and thumbnail of the whole view."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Canon", "Canon EOS 350D DIGITAL", 1
    exif[0x0132] = "2006:09:02 19:41:07"
    details = exif.get_ifd(0x8769)
    details[0x9003] = details[0x9004] = "2006:09:02 19:41:07"
    details[0xA002], details[0xA003] = WIDTH, HEIGHT
    block = exif.tobytes()
    prefix, tiff = block[:6], bytearray(block[6:])
    order = "little" if tiff[:2] == b"II" else "big"
    first = int.from_bytes(tiff[4:8], order)
    link = first + 2 + 12 * int.from_bytes(tiff[first : first + 2], order)
    directory = len(tiff)
    entries = ((0x0201, directory + 2 + 24 + 4), (0x0202, len(thumbnail)))
    tiff[link : link + 4] = directory.to_bytes(4, order)
    tiff += len(entries).to_bytes(2, order)
    for tag, value in entries:
        tiff += tag.to_bytes(2, order) + (4).to_bytes(2, order) + (1).to_bytes(4, order) + value.to_bytes(4, order)
    return prefix + bytes(tiff) + bytes(4) + thumbnail


def with_exif(jpeg: bytes, exif: bytes) -> bytes:
    """Put EXIF first, in place of the JFIF header, as cameras have it."""
    after_jfif = 4 + int.from_bytes(jpeg[4:6], "big")
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    return jpeg[:2] + segment + jpeg[after_jfif:]


def main() -> None:
    """Write the examples."""
    rng = np.random.default_rng(SEED)
    view = harbour(rng)
    donor, mask = boat(rng)
    small = Image.fromarray(view).resize((160, 107), Image.Resampling.BOX)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=80)
    made = splice(
        view,
        donor,
        mask,
        background_chain="jpeg:75,422",
        donor_chain="jpeg:72 | crop:3,5",
        chain="crop:123,11,440,496 | jpeg:table=photoshop:save-as-10,subsampling=444",
        seed=SEED,
    )
    (HERE / "harbour.jpg").write_bytes(with_exif(made.data or b"", exif_of_camera(out.getvalue())))
    (HERE / "harbour.truth.json").write_text(json.dumps(made.truth.to_dict()) + "\n", encoding="utf-8")
    left, top = QUAY
    Image.open(HERE / "harbour.jpg").crop((left, top, left + 240, top + 200)).save(HERE / "quay.png", optimize=True)


if __name__ == "__main__":
    main()
