import subprocess
import sys
import textwrap

import pytest

HEAVY = (
    "torch", "ray", "starlette", "uvicorn", "fastapi", "matplotlib", "onnxruntime", "numba", "PIL", "scipy", "cv2",
    "pyarrow", "python_multipart", "playwright", "schemathesis",
)  # fmt: skip


def loaded_by(code: str) -> set[str]:
    """Heavy packages that a fresh interpreter has loaded after running `code`."""
    script = textwrap.dedent(code) + "\nimport sys; print(' '.join(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split()) & set(HEAVY)


def test_import_loads_nothing_heavy():
    assert loaded_by("import jpegtrace") == set()


def test_importing_the_command_loads_nothing_heavy():
    assert loaded_by("import jpegtrace.cli") == set()


def test_asking_for_help_loads_nothing_heavy():
    code = """
        import sys
        from jpegtrace import cli
        sys.argv = ["jpegtrace", "inspect", "--help"]
        import contextlib, io
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            cli.main()
    """
    assert loaded_by(code) == set()


def test_inspecting_never_loads_what_only_some_need():
    code = """
        import io
        from PIL import Image
        import jpegtrace
        out = io.BytesIO()
        Image.new("RGB", (32, 32)).save(out, "JPEG")
        assert jpegtrace.inspect(out.getvalue()).findings
    """
    assert loaded_by(code) <= {"numba", "PIL", "scipy"}  # numba asks whether scipy is there


@pytest.mark.parametrize("package", ["numba", "PIL"])
def test_a_planted_heavy_import_is_found(package):
    assert package in loaded_by(f"import jpegtrace, {package}")


def test_public_names_are_there_and_no_others():
    import jpegtrace

    for name in jpegtrace.__all__:
        assert getattr(jpegtrace, name) is not None
    assert set(jpegtrace._HOME) == set(jpegtrace.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = jpegtrace.nonsense
