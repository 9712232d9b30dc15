"""`jpegtrace doctor`: what is there, what is missing, and how to mend it."""

import json
import subprocess
import sys
from importlib import metadata

import numba
import pytest

import jpegtrace
from jpegtrace import cli
from jpegtrace._jit import kept_in
from jpegtrace.doctor import examine, health, requirements
from jpegtrace.doctor.health import codec_of, usable_memory
from jpegtrace.doctor.requirements import Requirement, declared, extras, missing, parse
from jpegtrace.networks import card_ids
from jpegtrace.raster import Format
from networks.planting import planting


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process; exit code, stdout, stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["jpegtrace", "doctor", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call


def test_this_installation_is_whole(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "The default installation is whole."
    for name in (jpegtrace.__version__, metadata.version("numba"), metadata.version("onnxruntime"), "libjpeg-turbo"):
        assert name in out
    for name in (*Format, *card_ids(), *(extra.name for extra in extras(declared()))):
        assert name in out


def test_json_has_the_same(run):
    code, out, _ = run("--json")
    found = json.loads(out)
    assert code == 0
    assert found["whole"] is True
    assert found["faults"] == []
    assert found["versions"]["jpegtrace"] == jpegtrace.__version__
    assert {codec["format"] for codec in found["codecs"]} == {str(form) for form in Format}
    assert [check["id"] for check in found["weights"]] == list(card_ids())
    assert found["cores"] >= 1
    assert found["memory"] > 2**28


def test_the_real_command_leaves_with_one_where_weights_are_missing(tmp_path, monkeypatch, run):
    with planting(tmp_path, monkeypatch) as planted:
        (planted.weights / "combiner.onnx").write_bytes(b"not it")
        code, out, _ = run()
        assert code == 1
        assert "combiner  altered: 6 instead of 94,142 bytes; install jpegtrace again" in out
        assert "far       not installed: get them with: jpegtrace models fetch far --from PATH_OR_URL" in out
        head, fault = out.splitlines()[-2:]
        assert head == "The default installation is not whole:"
        assert fault == "  the weights 'combiner' are altered: 6 instead of 94,142 bytes; install jpegtrace again"
        assert json.loads(run("--json")[1])["whole"] is False


@pytest.mark.parametrize("form", Format)
def test_every_format_is_read(form):
    assert codec_of(form).fault == ""


def test_a_format_that_cannot_be_read_is_a_fault(monkeypatch):
    monkeypatch.setattr(health, "_written", lambda form: b"\x89PNG\r\n\x1a\n nothing more")
    found = codec_of(Format.PNG)
    assert "PNG" in found.fault
    assert any(fault.startswith("PNG cannot be read") for fault in examine().faults)


def test_the_compiled_kernels_are_where_numba_keeps_them(tmp_path):
    code = "from jpegtrace.doctor.health import kernel_folder; print(kernel_folder())"
    folder = tmp_path / "kernels"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"NUMBA_CACHE_DIR": str(folder)}
    )
    assert done.stdout.startswith(str(folder))


def test_kernels_that_are_not_compiled_or_not_kept_are_nowhere(monkeypatch):
    assert kept_in(len) is None
    uncached = numba.njit(lambda value: value + 1)
    assert kept_in(uncached) is None
    monkeypatch.setattr(health, "decoder_folder", lambda: None)
    assert health.kernel_folder() is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("numpy>=2.0", Requirement("numpy", (), ">=2.0", "")),
        ('ray[data]>=2.40; extra == "ray"', Requirement("ray", ("data",), ">=2.40", "ray")),
        ("jpegtrace[encoders]; extra == 'train'", Requirement("jpegtrace", ("encoders",), "", "train")),
        ("jpeglib (>=1.0.2) ; extra == 'encoders'", Requirement("jpeglib", (), "(>=1.0.2)", "encoders")),
    ],
)
def test_requirements_are_read(text, found):
    assert parse(text) == found


def test_all_that_is_declared_is_understood():
    found = declared()
    assert {"numpy", "numba", "onnxruntime", "pillow"} <= {one.name for one in found if not one.extra}
    assert missing(found) == ()
    assert {one.name for one in extras(found)} == set(metadata.metadata("jpegtrace").get_all("Provides-Extra"))


def test_what_is_missing_or_too_old_is_named_with_its_command():
    found = (
        Requirement("no-such-package", (), ">=1", ""),
        Requirement("numpy", (), ">=999.1", ""),
        Requirement("numpy", (), ">=1", ""),
        Requirement("jpegtrace", ("inner",), "", "outer"),
        Requirement("pillow", (), ">=1", "inner"),
        Requirement("no-other", ("all",), ">=2", "outer"),
    )
    assert missing(found) == ("no-such-package>=1", "numpy>=999.1")
    inner, outer = extras(found)
    assert (inner.name, inner.missing, dict(inner.present)) == ("inner", (), {"pillow": metadata.version("pillow")})
    assert outer.missing == ("no-other[all]>=2",)
    assert outer.present == inner.present
    assert outer.install == "pip install 'jpegtrace[outer]'"


def test_a_package_that_is_not_installed_as_one_is_a_fault(monkeypatch):
    monkeypatch.setattr(requirements, "PACKAGE", "no-such-package")
    found = examine()
    assert not found.whole
    assert "pip install jpegtrace" in found.faults[0]


def test_memory_of_a_container_is_its_limit(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(health, "CGROUP_LIMIT", limit)
    whole = usable_memory()
    limit.write_text("max\n", encoding="ascii")
    assert usable_memory() == whole
    limit.write_text("104857600\n", encoding="ascii")
    assert usable_memory() == 104857600
