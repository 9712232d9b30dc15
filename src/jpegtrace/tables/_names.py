"""Names as cameras and programs write them into files, reduced to brands and programs."""

from __future__ import annotations

import re
from dataclasses import dataclass

# First words of a maker's name (or, for a file without one, of the model's), and the brand. Longest match wins.
_BRANDS = {
    "apple": "Apple",
    "asahi optical": "Pentax",
    "blackberry": "BlackBerry",
    "bushnell": "Bushnell",
    "canon": "Canon",
    "casio": "Casio",
    "dji": "DJI",
    "eastman kodak": "Kodak",
    "flir": "FLIR",
    "fujifilm": "Fujifilm",
    "fuji photo film": "Fujifilm",
    "google": "Google",
    "gopro": "GoPro",
    "hasselblad": "Hasselblad",
    "hewlett-packard": "HP",
    "hp": "HP",
    "htc": "HTC",
    "huawei": "Huawei",
    "jk imaging": "JK Imaging",
    "jvc": "JVC",
    "kodak": "Kodak",
    "konica minolta": "Konica Minolta",
    "konica": "Konica",
    "kyocera": "Kyocera",
    "leica": "Leica",
    "lge": "LG",
    "lg electronics": "LG",
    "minolta": "Minolta",
    "motorola": "Motorola",
    "nikon": "Nikon",
    "nokia": "Nokia",
    "noritsu": "Noritsu",
    "olympus": "Olympus",
    "om digital solutions": "Olympus",
    "oneplus": "OnePlus",
    "oppo": "OPPO",
    "panasonic": "Panasonic",
    "pentax": "Pentax",
    "phase one": "Phase One",
    "reconyx": "Reconyx",
    "ricoh": "Ricoh",
    "samsung": "Samsung",
    "sanyo": "Sanyo",
    "seiko epson": "Epson",
    "epson": "Epson",
    "sigma": "Sigma",
    "sony ericsson": "Sony Ericsson",
    "sony": "Sony",
    "toshiba": "Toshiba",
    "traveler": "Traveler",
    "trust": "Trust",
    "vtech": "VTech",
    "xiaomi": "Xiaomi",
}
_BRAND_PATTERN = re.compile("|".join(rf"{re.escape(key)}\b" for key in sorted(_BRANDS, key=len, reverse=True)))
_COMPANY_SUFFIX = re.compile(r"[\s,.]+(inc|corp|corporation|co|company|ltd|limited|gmbh|ag|ab|kg|electric)\b.*$", re.I)

# First words of the Software tag, and the program. Longest match wins.
_PROGRAMS = {
    "acd systems": "ACDSee",
    "acdsee": "ACDSee",
    "adobe bridge": "Adobe Bridge",
    "adobe imageready": "Adobe ImageReady",
    "adobe lightroom": "Adobe Lightroom",
    "adobe photoshop": "Adobe Photoshop",
    "adobe photoshop album": "Adobe Photoshop Album",
    "adobe photoshop camera raw": "Adobe Camera Raw",
    "adobe photoshop elements": "Adobe Photoshop Elements",
    "adobe photoshop lightroom": "Adobe Lightroom",
    "affinity photo": "Affinity Photo",
    "aperture": "Apple Aperture",
    "camedia master": "Olympus Camedia Master",
    "capture nx": "Nikon Capture NX",
    "capture one": "Capture One",
    "darktable": "darktable",
    "digikam": "digiKam",
    "digital photo professional": "Canon Digital Photo Professional",
    "dxo": "DxO",
    "fdi v": "Fujifilm Frontier",
    "finepix viewer": "Fujifilm FinePix Viewer",
    "finepixviewer": "Fujifilm FinePix Viewer",
    "gimp": "GIMP",
    "google": "Google",
    "http://www.idimager.com": "IDimager",
    "imagemagick": "ImageMagick",
    "imageready": "Adobe ImageReady",
    "instagram": "Instagram",
    "iphoto": "Apple iPhoto",
    "irfanview": "IrfanView",
    "kodak digital central lab system": "Kodak Digital Central Lab System",
    "kodak professional dcs photo desk": "Kodak DCS Photo Desk",
    "microsoft windows photo gallery": "Windows Photo Gallery",
    "microsoft windows photo viewer": "Windows Photo Viewer",
    "nikon transfer": "Nikon Transfer",
    "noise ninja": "Noise Ninja",
    "ofotonow": "OfotoNow",
    "olympus camedia master": "Olympus Camedia Master",
    "olympus master": "Olympus Master",
    "paint.net": "Paint.NET",
    "photos": "Apple Photos",
    "picasa": "Picasa",
    "pictureproject": "Nikon PictureProject",
    "quicktime": "QuickTime",
    "rawtherapee": "RawTherapee",
    "shotwell": "Shotwell",
    "snapseed": "Snapseed",
    "viewnx": "Nikon ViewNX",
    "windows photo editor": "Windows Photo Editor",
    "xnview": "XnView",
}
_PROGRAM_PATTERN = re.compile("|".join(re.escape(key) for key in sorted(_PROGRAMS, key=len, reverse=True)))
_CAMERA_SOFTWARE = re.compile(
    r"common_fileformat|digital camera|hdr\+", re.I
)  # written by cameras, looks like a program
_URL = re.compile(r"https?://(?:www\.)?([^/\s]+)", re.I)


@dataclass(frozen=True, slots=True)
class Program:
    """A program that wrote or re-saved a picture.

    Attributes:
        name: "Adobe Photoshop".
        version: the rest of what the file says, without brackets, "CS5 Windows"; empty if nothing.
    """

    name: str
    version: str


def brand_of(maker: str, model: str = "") -> str:
    """Reduce the Make tag of a file to the camera's brand: "NIKON CORPORATION" is "Nikon".

    Args:
        maker: the Make tag; what follows a NUL is ignored.
        model: the Model tag, used if the maker is empty.

    Returns:
        The brand; a maker that is not in the list is returned without its company suffix; empty if there is no letter.
    """
    text = _clean(maker) or _clean(model)
    match = _BRAND_PATTERN.match(text.lower())
    if match:
        return _BRANDS[match.group()]
    text = _COMPANY_SUFFIX.sub("", text)
    return text if any(letter.isalpha() for letter in text) else ""


def program_of(software: str) -> Program | None:
    """Read the Software tag of a file: the program and its version, or None if it names a camera's firmware.

    Programs come from a list. Of the others a web address counts as a program, and so do words without any digit;
    everything else ("Ver.1.00", "ILCE-6000 v3.10", "10.3.2") is taken as the version of a firmware.

    Args:
        software: the Software tag; what follows a NUL is ignored.
    """
    text = _clean(software)
    match = _PROGRAM_PATTERN.match(text.lower())
    if match:
        return Program(_PROGRAMS[match.group()], " ".join(re.sub(r"[()]", " ", text[match.end() :]).split()))
    url = _URL.match(text)
    if url:
        return Program(url.group(1).lower(), "")
    if _CAMERA_SOFTWARE.match(text) or any(letter.isdigit() for letter in text):
        return None
    return Program(text, "") if re.search(r"[^\W\d_]{4}", text) else None


def _clean(text: str) -> str:
    return " ".join(text.split("\0", 1)[0].split())
