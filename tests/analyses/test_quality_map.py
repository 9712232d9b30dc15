"""Whether a picture was ever JPEG, and what it then held, from files of any format."""

import io

import numpy as np
import pytest

from checks.pictures import as_file, scene
from jpegtrace.analyses import find_analysis
from jpegtrace.chain import simulate, splice
from jpegtrace.errors import UnsupportedFormat
from jpegtrace.findings import Level, Status
from jpegtrace.picture import Picture
from jpegtrace.tables import ijg_table, named_table
from support.rasters import png16

quality_map = find_analysis("quality-map")
compression_count = find_analysis("compression-count")
primary_table = find_analysis("primary-table")
regions = find_analysis("regions")


def png(seed, chain, height=208, width=216):
    """A PNG of a picture after a history."""
    return Picture.open(as_file(simulate(scene(seed, height, width), chain).pixels, "PNG"))


class TestEverJpeg:
    def test_a_png_tells_the_jpeg_that_it_was(self):
        found = quality_map(png(1, "jpeg:70 | crop:3,5"))
        assert found.status is Status.OK
        assert (found.ever_jpeg, found.quality, found.grid_origin) == (True, 70, [3, 5])
        assert found.summary == "The pixels were JPEG-compressed with quality 70; its grid begins at row 3, column 5."
        truth = ijg_table(70).ravel().tolist()
        told = [(e, t) for e, t in zip(found.table, truth, strict=True) if e is not None]
        assert len(told) == found.entries_told >= 40
        assert all(e == t for e, t in told)
        assert found.nfa_log10 < -100
        assert (found.nearest, found.processed) == ("IJG 70", False)
        assert [part["history"] for part in found.parts] == ["JPEG 70 on the grid from row 3, column 5"]
        assert [remark.text for remark in found.remarks] == ["the picture was cropped or moved after that compression"]
        assert found.remarks[0].evidence == "rows cut off above: 5, columns on the left: 3, or any multiple of 8 more"
        assert found.probability >= 0.9

    def test_the_map_is_there(self):
        picture = png(1, "jpeg:70 | crop:3,5")
        quality, ever, parts = quality_map.maps_of(picture, stride=8)
        assert quality.values.shape == ever.values.shape == parts.values.shape == (26, 27)
        assert np.nanmedian(quality.values) == 70
        assert np.nanmin(ever.values) >= 0.9
        assert parts.labels == ("never JPEG", "JPEG 70 on the grid from row 3, column 5")
        assert np.nanmin(parts.values) == 1

    def test_a_jpeg_is_asked_about_its_own_pixels(self):
        found = quality_map(Picture.open(as_file(scene(2, 208, 208), quality=85)))
        assert (found.quality, found.grid_origin) == (85, [0, 0])
        assert found.quality_of == "the table itself"
        assert "its grid begins at the corner" in found.summary
        assert not found.remarks

    def test_file_and_pixels_name_one_nearest_quality(self):
        tables = [t.ravel().tolist() for t in named_table("photoshop:save-as-10")[:2]]
        picture = Picture.open(as_file(scene(2, 208, 208), qtables=tables, subsampling=0))
        found, told = quality_map(picture), find_analysis("encoder")(picture)
        assert found.quality == told.nearest_quality == 93
        assert found.quality_of == "the nearest standard table, which it is not"

    @pytest.mark.parametrize("form", ["TIFF", "BMP"])
    def test_other_formats_say_the_same(self, form):
        pixels = simulate(scene(1, 160, 168), "jpeg:70 | crop:3,5").pixels
        first, other = (quality_map(Picture.open(as_file(pixels, name))) for name in ("PNG", form))
        assert other.values == first.values

    def test_sixteen_bits_of_eight_bit_content(self):
        pixels = simulate(scene(1, 160, 168), "jpeg:70 | crop:3,5").pixels
        found = quality_map(Picture.open(png16(pixels.astype(np.uint16) * 257)))
        assert (found.ever_jpeg, found.quality, found.grid_origin) == (True, 70, [3, 5])

    def test_a_picture_that_never_was_one(self):
        picture = Picture.open(as_file(scene(105, 192, 192), "PNG"))
        found = quality_map(picture)
        assert found.status is Status.OK
        assert found.ever_jpeg is False
        assert found.summary == "No trace of a JPEG compression in the pixels."
        assert (found.quality, found.table, found.parts) == (None, None, [])
        assert not found.remarks
        (ever,) = quality_map.maps_of(picture, stride=16)
        assert (ever.name, ever.values.shape) == ("ever JPEG", (12, 12))
        assert ever.values.max() < 0.5

    def test_parts_are_named_with_their_boxes(self):
        mask = np.zeros((320, 384), np.uint8)
        mask[96:256, 128:288] = 1
        made = splice(
            scene(11, 320, 384), scene(12, 320, 384), mask,
            background_chain="jpeg:85", donor_chain="jpeg:62 | crop:3,6", chain="crop:2,1",
        )  # fmt: skip
        found = quality_map(Picture.open(as_file(made.pixels, "PNG")))
        assert found.summary.startswith("Parts of the pixels were JPEG-compressed with quality 85")
        named = {part["history"]: part for part in found.parts}
        background, donor = (
            named["JPEG 85 on the grid from row 7, column 6"],
            named["JPEG 62 on the grid from row 1, column 3"],
        )
        assert background["share"] > 0.7
        assert 0.12 < donor["share"] < 0.24
        left, top, width, height = donor["box"]
        assert np.abs(np.array([left, top, left + width, top + height]) - [126, 95, 286, 255]).max() <= 24
        (notice,) = (remark for remark in found.remarks if remark.level is Level.NOTICE)
        assert notice.text == "parts of the picture have different histories"
        assert not found.alarm

    def test_what_was_processed_afterwards_says_so(self):
        found = quality_map(png(5, "jpeg:60 | crop:3,5 | noise:0.7", 256, 256))
        assert (found.quality, found.processed) == (60, True)
        assert "it was processed after decompression, lightly" in [remark.text for remark in found.remarks]


class TestCannotTell:
    @pytest.mark.parametrize(
        "data",
        [
            as_file(scene(1, 8, 8), "PNG"),
            as_file(scene(1, 15, 40), "PNG"),
            as_file(scene(1, 15, 40)),
            as_file(np.full((128, 128, 3), 120, np.uint8), "PNG"),
            as_file(np.full((128, 128, 3), 120, np.uint8)),
            as_file(np.full((128, 128, 3), 255, np.uint8), "PNG"),
            as_file(np.full((128, 128, 3), 255, np.uint8)),
            as_file(np.where(scene(1, 128, 128) > 125, 255, 0).astype(np.uint8), "PNG"),
        ],
        ids=["8 x 8", "15 x 40", "15 x 40 JPEG", "flat", "flat JPEG", "white", "white JPEG", "clipped"],
    )
    def test_tiny_flat_and_clipped_pictures(self, data):
        found = quality_map(Picture.open(data))
        assert found.status is Status.INCONCLUSIVE
        assert found.summary.startswith("Cannot tell")
        assert found.values.get("ever_jpeg") is None
        assert found.probability is None

    def test_its_map_names_the_reason_or_is_empty(self):
        with pytest.raises(UnsupportedFormat, match="smaller than 16 pixels a side"):
            quality_map.maps_of(Picture.open(as_file(scene(1, 15, 40), "PNG")))
        for value in (120, 255):
            flat = Picture.open(as_file(np.full((64, 64, 3), value, np.uint8), "PNG"))
            (ever,) = quality_map.maps_of(flat)
            assert np.isnan(ever.values).all()

    def test_cmyk_has_no_luma(self):
        from PIL import Image

        out = io.BytesIO()
        Image.fromarray(scene(1)).convert("CMYK").save(out, "TIFF")
        found = quality_map(Picture.open(out.getvalue()))
        assert found.status is Status.INCONCLUSIVE
        assert "CMYK" in found.summary


class TestTheCompressionBefore:
    @pytest.mark.parametrize(("crop", "between"), [("", [3, 5]), (" | crop:5,2", [3, 5]), (" | crop:0,4", [3, 5])])
    def test_a_png_made_from_a_double_jpeg(self, crop, between):
        picture = png(75, f"jpeg:75 | crop:3,5 | jpeg:93{crop}", 264, 328)
        assert quality_map(picture).quality == 93
        count = compression_count(picture)
        assert count.status is Status.OK
        # Relative to the last grid, wherever the picture was cut afterwards.
        assert (count.values["count"], count.grid_origin) == (2, between)
        table = primary_table(picture)
        assert (table.quality, table.grid_origin) == (75, between)
        truth = ijg_table(75).ravel().tolist()
        told = [(e, t) for e, t in zip(table.entries, truth, strict=True) if e is not None]
        assert len(told) >= 20
        assert all(e == t for e, t in told)
        left, top, width, height = count.window
        assert min(left, top) >= 0
        assert left + width <= picture.width
        assert top + height <= picture.height
        assert (left % 8, top % 8) == tuple(quality_map(picture).grid_origin[::-1])

    def test_it_is_what_the_file_itself_says(self):
        data = simulate(scene(76, 256, 320), "jpeg:70 | crop:3,5 | jpeg:85").data
        file = Picture.open(data)
        pixels = Picture.open(as_file(file.raster.pixels, "PNG"))
        for analysis in (compression_count, primary_table):
            first, second = analysis(file), analysis(pixels)
            for name in ("count", "grid_origin", "quality"):
                assert second.values.get(name) == first.values.get(name), name
        assert regions(pixels).parts[0]["quality"] == regions(file).parts[0]["quality"] == 70

    def test_once_is_not_called_twice(self):
        picture = png(77, "jpeg:80 | crop:1,1", 256, 320)
        assert compression_count(picture).values["count"] != 2
        assert primary_table(picture).status is Status.INCONCLUSIVE

    @pytest.mark.parametrize("analysis", [compression_count, primary_table, regions], ids=lambda a: a.id)
    def test_what_was_never_jpeg_is_not_asked(self, analysis):
        found = analysis(Picture.open(as_file(scene(105, 192, 192), "PNG")))
        assert found.status is Status.NOT_APPLICABLE
        assert (
            found.summary == "This asks about pictures that were JPEG; its pixels show no trace of a JPEG compression."
        )
        assert not found.values

    @pytest.mark.parametrize("analysis", [compression_count, primary_table, regions], ids=lambda a: a.id)
    def test_where_it_cannot_be_told_whether_it_was_one_they_cannot_tell_either(self, analysis):
        for pixels in (np.full((96, 96, 3), 120, np.uint8), scene(1, 15, 40)):
            found = analysis(Picture.open(as_file(pixels, "PNG")))
            assert found.status is Status.INCONCLUSIVE
            assert found.summary.startswith("Cannot tell")
