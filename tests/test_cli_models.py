import json
import subprocess
import sys
from dataclasses import replace

import pytest

from jpegtrace import cli, networks
from jpegtrace.networks import Card
from jpegtrace.networks.trainable import trainable
from networks.planting import planting


@pytest.fixture
def planted(tmp_path, monkeypatch):
    with planting(tmp_path, monkeypatch) as found:
        yield found


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process; exit code, stdout, stderr in one line."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["jpegtrace", "models", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return left.value.code, out, " ".join(err.split())

    return call


def test_the_real_command():
    command = [sys.executable, "-m", "jpegtrace", "models", "verify", "combiner"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "combiner  ok\n", "")


@pytest.mark.usefixtures("planted")
class TestList:
    def test_the_table(self, planted, run):
        code, out, err = run("list")
        assert (code, err) == (0, "")
        head, *rows = self.table(out)
        assert head.split() == ["id", "version", "for", "status", "samples", "bytes", "file"]
        assert [row.split()[0] for row in rows if row[0] != " "] == ["combiner", "far"]
        assert rows[0].endswith("under-trained  2,008,064  94,142  ships          ")
        assert rows[-1].rstrip().endswith("not installed")
        networks.fetch("far", planted.source)
        assert self.table(run("list")[1])[-1].rstrip().endswith("94,142  installed")

    @staticmethod
    def table(out):
        return out.partition("\n\n")[0].splitlines()

    def test_networks_without_weights_follow(self, planted, run):
        head, *rows = run("list")[1].partition("\n\n")[2].splitlines()
        assert head.strip().startswith("No weights yet; jpegtrace train ID trains them")
        assert [row.split()[0] for row in rows] == list(trainable())
        assert any(row.split(None, 1) == ["af-edsr-90", trainable()["af-edsr-90"]] for row in map(str.rstrip, rows))
        planted.write(replace(planted.far, id="af-edsr-90"))
        assert "af-edsr-90" in self.table(run("list")[1])[1]
        assert run("list")[1].count("af-edsr-90") == 1

    def test_json_has_all_of_every_card(self, run):
        code, out, err = run("list", "--json")
        assert (code, err) == (0, "")
        found = [Card.from_fields(json.loads(line), "stdout") for line in out.splitlines()]
        assert found == list(networks.cards())

    def test_a_damaged_card(self, planted, run):
        planted.write_text("far", 'id = "far"')
        code, out, err = run("list")
        assert (code, out) == (1, "")
        assert err == "Error: the card far.toml is damaged: version is missing; install jpegtrace again"


@pytest.mark.usefixtures("planted")
class TestShow:
    def test_the_whole_card(self, run):
        code, out, err = run("show", "far")
        assert (code, err) == (0, "")
        assert out.startswith("far 2\n")
        card = networks.card("far")
        for part in (card.title, card.sha256, "under-trained, 2,008,064 samples seen, 31,376 steps", "not installed"):
            assert part in out
        for part in ("int64 (1, tables): kind of each table", "held_out_windows         1380", "2.1e-05 at most"):
            assert part in out

    def test_an_unknown_one(self, run):
        code, out, err = run("show", "fra")
        assert (code, out) == (2, "")
        assert err == "Error: there are no weights called 'fra'; did you mean 'far'?"

    def test_one_that_has_yet_to_be_trained_says_how(self, run):
        told = (
            "Error: there are no weights called 'af-edsr-90' yet; jpegtrace train af-edsr-90 trains the network, and "
            "python -m jpegtrace_training.shipping RUN makes weights with a card of the run"
        )
        for command in (["show", "af-edsr-90"], ["verify", "af-edsr-90"], ["fetch", "af-edsr-90", "--from", "x"]):
            assert run(*command) == (2, "", told)
        assert run("show", "af-edsr")[2].endswith("did you mean 'af-edsr-90'?")

    def test_none(self, run):
        assert run("show")[0] == 2


@pytest.mark.usefixtures("planted")
class TestVerify:
    def test_what_is_not_installed_is_no_failure(self, planted, run):
        told = "far       not installed: get them with: jpegtrace models fetch far --from PATH_OR_URL\n"
        assert run("verify") == (0, "combiner  ok\n" + told, "")
        assert run("verify", "combiner") == (0, "combiner  ok\n", "")
        networks.fetch("far", planted.source)
        assert run("verify") == (0, "combiner  ok\nfar       ok\n", "")

    def test_a_missing_file_fails_and_the_rest_go_on(self, planted, run):
        (planted.weights / "combiner.onnx").unlink()
        code, out, _ = run("verify")
        first, second = out.splitlines()
        assert code == 1
        assert first == "combiner  missing: install jpegtrace again"
        assert second.startswith("far       not installed")
        assert run("verify", "far")[0] == 0

    @pytest.mark.parametrize("name", ["combiner", "far"])
    def test_an_altered_file_fails(self, planted, run, name):
        networks.fetch("far", planted.source)
        path = planted.weights / "combiner.onnx" if name == "combiner" else networks.weights_path(planted.far)
        path.write_bytes(planted.data[:-1] + b"x")
        code, out, _ = run("verify")
        assert code == 1
        (line,) = [line for line in out.splitlines() if line.startswith(name)]
        assert f"{name:8}  altered: SHA-256 " in line
        assert f"instead of {planted.far.sha256[:12]}" in line

    def test_an_unknown_one_is_wrong_usage_before_anything_is_done(self, run):
        code, out, err = run("verify", "combiner", "near")
        assert (code, out) == (2, "")
        assert err == "Error: there are no weights called 'near'; there are: combiner, far"


@pytest.mark.usefixtures("planted")
class TestFetch:
    def test_it_installs(self, planted, run):
        code, out, err = run("fetch", "far", "--from", planted.source)
        path = networks.weights_path(planted.far)
        assert (code, out) == (0, "")
        assert err == f"wrote {path}, which is the file of the card"
        assert path.read_bytes() == planted.data
        assert run("fetch", "far", "--from", planted.source.as_uri(), "--quiet") == (0, "", "")

    def test_a_wrong_file_is_refused(self, planted, run):
        planted.source.write_bytes(b"wrong")
        code, out, err = run("fetch", "far", "--from", planted.source)
        assert (code, out) == (1, "")
        assert err.startswith("Error: ")
        assert err.endswith("5 instead of 94,142 bytes; nothing was kept")
        assert planted.left() == []

    def test_a_missing_file_is_named(self, run):
        code, _, err = run("fetch", "far", "--from", "nowhere.onnx")
        assert (code, err) == (1, "Error: nowhere.onnx: No such file or directory")

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["far"], "Missing option '--from'"),
            (["combiner", "--from", "x"], "'combiner' ship with jpegtrace; there is nothing to fetch"),
            (["near", "--from", "x"], "there are no weights called 'near'; there are: combiner, far"),
            (["far", "--from", "ftp://x/y"], "from a path or by http, https, file, not by 'ftp'"),
        ],
    )
    def test_wrong_usage(self, run, arguments, told):
        code, out, err = run("fetch", *arguments)
        assert (code, out) == (2, "")
        assert told in err


def test_no_command_prints_the_help(run):
    code, out, err = run()
    assert code == 2
    for command in ("list", "show", "verify", "fetch"):
        assert command in out + err
