import json
import os
import pty
import subprocess
import sys

import jsonschema
import pytest

from checks.pages import check_self_contained
from checks.pictures import as_file, scene
from jpegtrace import __version__
from jpegtrace.analyses import all_analyses
from jpegtrace.report import report_schema


def run(*arguments, stdin=b"", cwd=None):
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "100"}
    command = [sys.executable, "-m", "jpegtrace", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, env=environment, timeout=120, check=False)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.jpg").write_bytes(as_file(scene(1), quality=71))
    (tmp_path / "picture.png").write_bytes(as_file(scene(2), "PNG"))
    (tmp_path / "text.txt").write_text("words")
    return tmp_path


def objects(done):
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def test_version_and_help():
    assert run("--version").stdout.decode().strip() == f"jpegtrace {__version__}"
    done = run("--help")
    assert done.returncode == 0
    for command in ("inspect", "analyses", "map", "audit", "simulate"):
        assert command in done.stdout.decode()
    assert run().returncode == 2  # no command is wrong usage, and prints the help


def test_inspect_prints_facts_and_leaves_with_0(folder):
    done = run("inspect", "good.jpg", cwd=folder)
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "Baseline JPEG, 128 x 96 pixels, YCbCr 4:2:0; no damage found." in text
    assert "Standard IJG tables, quality 71" in text
    assert done.stderr == b""


def test_json_lines_validate(folder):
    done = run("inspect", folder, "--json")
    found = objects(done)
    assert done.returncode == 0
    assert [o["input"]["format"] for o in found] == ["JPEG", "PNG"]
    for item in found:
        jsonschema.Draft202012Validator(report_schema()).validate(item)
    assert b"left out, for they are no pictures: 1 (text.txt)" in done.stderr
    assert b"2 inputs, 0 with alarms, 0 failed" in done.stderr


def test_an_unreadable_file_is_reported_and_the_rest_go_on(folder):
    done = run("inspect", "--json", "text.txt", "missing.jpg", "good.jpg", cwd=folder)
    assert done.returncode == 1
    first, second, third = objects(done)
    assert first["error"]["kind"] == "UnknownFormat"
    assert second["error"] == {"kind": "UnreadableInput", "message": "No such file or directory", "offset": None}
    assert third["error"] is None
    done = run("inspect", "text.txt", "good.jpg", cwd=folder)
    assert done.returncode == 1
    assert "UnknownFormat: the content is no picture format" in done.stdout.decode()
    assert "quality 71" in done.stdout.decode()


def test_a_damaged_file_is_read_as_far_as_it_goes(folder):
    data = (folder / "good.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[: len(data) // 2])
    done = run("inspect", "cut.jpg", cwd=folder)
    assert done.returncode == 0
    assert "damaged:" in done.stdout.decode()
    assert "the data end too early" in done.stdout.decode()


def test_standard_input(folder):
    data = (folder / "good.jpg").read_bytes()
    (found,) = objects(run("inspect", "-", "--json", stdin=data))
    assert found["input"]["source"] == "<stdin>"
    assert run("inspect", "-", "good.jpg", stdin=data, cwd=folder).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect"], "Missing argument"),
        (["inspect", "--bogus", "x"], "No such option"),
        (["inspect", "good.jpg", "--only", "encodr"], "did you mean 'encoder'"),
        (["inspect", "good.jpg", "--limit", "pixels"], "NAME=NUMBER"),
        (["inspect", "good.jpg", "--limit", "time=3"], "no limit called 'time'"),
        (["inspect", "*.gif"], "nothing matches"),
        (["inspect", "good.jpg", "--html", "no/such/folder.html"], "cannot write"),
        (["nonsense"], "No such command"),
        (["simulate", "good.jpg"], "needs --chain and --output"),
        (["simulate", "good.jpg", "--chain", "jpg:75", "-o", "o.jpg"], "did you mean"),
        (["simulate", "good.jpg", "--chain", "jpeg:75", "-o", "o.png"], "the result is a JPEG"),
        (["simulate", "good.jpg", "--chain", "crop:1,1", "-o", "o.jpg"], "the result is a PNG"),
        (["simulate", "good.jpg", "--chain", "jpeg:75", "-o", "good.jpg"], "named twice"),
        (["simulate", "good.jpg", "--chain", "jpeg:75", "-o", "o.jpg", "--truth", "o.jpg"], "named twice"),
        (["inspect", "picture.png", "--html", "good.jpg"], "call it *.html"),
        (["inspect", "good.jpg", "--limit", "pixels=1__0"], "NAME=NUMBER"),
        (["inspect", "good.jpg", "--limit", "self=5"], "no limit called 'self'"),
    ],
)
def test_wrong_usage_leaves_with_2_and_says_why(folder, arguments, message):
    done = run(*arguments, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_limits_can_be_lowered_and_are_named(folder):
    done = run("inspect", "good.jpg", "--limit", "pixels=100", cwd=folder)
    assert done.returncode == 1
    assert "pixels is limited to 100" in " ".join(done.stdout.decode().split())


def test_html_is_one_file_that_needs_nothing_else(folder):
    done = run("inspect", "good.jpg", "text.txt", "--html", "out.html", cwd=folder)
    assert done.returncode == 1
    page = (folder / "out.html").read_text(encoding="utf-8")
    assert "quality 71" in page
    assert "UnknownFormat" in page
    assert 'src="data:image/jpeg;base64,' in page
    check_self_contained(page)


def test_analyses_lists_the_registry():
    lines = run("analyses").stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == [a.id for a in all_analyses()]
    assert [row["id"] for row in json.loads(run("analyses", "--json").stdout)] == [a.id for a in all_analyses()]


def test_simulate_writes_the_picture_and_the_truth(folder):
    done = run("simulate", "picture.png", "--chain", "jpeg:75 | crop:3,5 | jpeg:90", "-o", "out.jpg", cwd=folder)
    assert done.returncode == 0
    truth = json.loads((folder / "out.truth.json").read_text())
    assert [c["quality"] for c in truth["compressions"]] == [75, 90]
    assert truth["compressions"][0]["origin"] == [3, 5]  # -5 mod 8 rows, -3 mod 8 columns
    (found,) = objects(run("inspect", "out.jpg", "--json", cwd=folder))
    assert (found["input"]["width"], found["input"]["height"]) == (125, 91)
    assert found["findings"][1]["values"]["quality"] == 90


def test_simulate_without_a_last_compression_writes_png(folder):
    arguments = ["--chain", "jpeg:60 | brightness:3", "-o", "out.png", "--truth", "t.json", "--seed", "4", "-q"]
    done = run("simulate", "picture.png", *arguments, cwd=folder)
    assert done.returncode == 0
    assert done.stderr == b""
    assert (folder / "out.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / "t.json").read_text())["seed"] == 4


def test_simulate_lists_its_steps():
    text = run("simulate", "--steps").stdout.decode()
    for step in ("jpeg[:QUALITY]", "crop:DX,DY", "splice["):
        assert step in text


def test_what_is_only_called_a_picture_is_reported(folder):
    (folder / "empty.jpg").write_bytes(b"")
    done = run("inspect", folder, "--json")
    assert done.returncode == 1
    assert [o["error"]["kind"] for o in objects(done) if o["error"]] == ["UnknownFormat"]


def test_a_pipe_in_a_folder_is_left_out(folder):
    os.mkfifo(folder / "pipe.jpg")
    done = run("inspect", folder, "--json")
    assert len(objects(done)) == 3
    assert "device or a pipe" in json.dumps(objects(done))


def test_brief_begins_each_input_with_its_name_and_indents_the_rest(folder):
    lines = run("inspect", "good.jpg", "text.txt", "--brief", cwd=folder).stdout.decode().splitlines()
    good, bad = (line for line in lines if not line.startswith("  "))
    assert good.startswith("good.jpg: It was last saved with ")
    assert bad.startswith("text.txt: UnknownFormat")
    assert len(lines) <= 10


def test_a_console_without_our_signs_gets_codes(folder):
    command = [sys.executable, "-m", "jpegtrace", "inspect", "good.jpg"]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, capture_output=True, cwd=folder, env=environment, timeout=60, check=False)
    assert done.returncode == 0
    assert b"\\u25a0 The file" in done.stdout


def test_results_reach_stdout_when_somebody_watches_stderr(folder):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "jpegtrace", "inspect", "good.jpg", "picture.png", "--json"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, cwd=folder, timeout=60, check=False)
    finally:
        os.close(theirs)
        os.close(ours)
    assert len(objects(done)) == 2


def test_a_closed_pipe_is_no_traceback(folder):
    command = f"{sys.executable} -m jpegtrace inspect {' '.join(['good.jpg'] * 3)} --json | head -c 10"
    done = subprocess.run(["sh", "-c", command], capture_output=True, cwd=folder, timeout=60, check=False)
    assert b"Traceback" not in done.stderr


WITHOUT_NAMES = """
import pathlib, runpy
read = pathlib.Path.read_text
def read_text(path, *arguments, **options):
    if path.name == "study.toml":
        raise FileNotFoundError(path.name)
    return read(path, *arguments, **options)
pathlib.Path.read_text = read_text
runpy.run_module("jpegtrace", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("inspect", "good.jpg", "--only", "file-facts"), "Baseline JPEG"),
        (("study", "--help"), "the list of tasks is damaged"),
    ],
)
def test_a_lost_list_of_studies_breaks_no_command(folder, arguments, told):
    command = [sys.executable, "-c", WITHOUT_NAMES, *arguments]
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, cwd=folder, env=environment, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert told in " ".join(done.stdout.decode().split())
