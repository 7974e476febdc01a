import re

import pytest

from retinaface.suite.options import TargetError
from retinaface.suite.settings.files import find_file, read_file


@pytest.fixture
def write(tmp_path):
    def call(text, name="retinaface.toml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return call


def test_values_are_what_would_be_typed(write, tmp_path):
    file = write(
        'engine = "ort-cpu-fp32"\nbatch = 8\nsoak = 2.5\nskip-bad-images = true\n'
        'engine-option = ["fusions=off", "a=b c"]\nweights = "embedded"\nwiderface = "data/wf"\n'
        'batch-size = "dynamic"\n[ab]\na = "/opt/sdk"\n[compare]\nab = ["x", "../y"]\n'
    )
    tables = read_file(file)
    assert tables == {
        "": {
            "engine": ("ort-cpu-fp32",),
            "batch": ("8",),
            "soak": ("2.5",),
            "skip-bad-images": ("true",),
            "engine-option": ("fusions=off", "a=b c"),
            "weights": ("embedded",),
            "widerface": (f"{tmp_path}/data/wf",),
            "batch-size": ("dynamic",),
        },
        "ab": {"a": ("/opt/sdk",)},
        "compare": {"ab": (f"{tmp_path}/x", f"{tmp_path}/../y")},
    }


def test_a_url_stays_as_it_is(write):
    found = read_file(write('widerface = "s3://bucket/wf"\nb = "ssh://board/python3"'))[""]
    assert found == {"widerface": ("s3://bucket/wf",), "b": ("ssh://board/python3",)}


def test_a_home_is_written_as_in_a_shell(write, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert read_file(write('widerface = "~/wf"'))[""]["widerface"] == (f"{tmp_path}/home/wf",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batc = 3", "batc: unknown option; did you mean batch?"),
        ('engine_file = "x"', "engine_file: unknown option; did you mean engine-file?"),
        ("zzzz = 1", "zzzz: unknown option; retinaface COMMAND --help lists them"),
        ("[bench]\nzzzz = 1", "[bench] zzzz: unknown option; retinaface bench --help lists them"),
        ("[bench]\npipeline = 'igie'", "[bench] pipeline: unknown option; "),
        ("[valdate]\nbatch = 3", "unknown table [valdate]; did you mean [validate]?"),
        ("[tool.x]\n", "unknown table [tool]; expected the name of a command"),
        ("batch = 'x'", "batch: expected a whole number, got 'x'"),
        ("batch = true", "batch: expected a whole number, got true"),
        ("batch = 1.5", "batch: expected a whole number, got 1.5"),
        ("batch-size = 'x'", "batch-size: expected a whole number, or \"dynamic\", got 'x'"),
        ("soak = 'long'", "soak: expected a number, got 'long'"),
        ("attribute = 'yes'", "attribute: expected true or false, got 'yes'"),
        ("engine = 3", "engine: expected a string, or a list of them, got 3"),
        ("engine = [3]", "engine: expected a string, or a list of them, got 3"),
        ("weights = ['a']", "weights: expected a string, got ['a']"),
        ("pipeline = 'igi'", "pipeline: unknown value 'igi'; did you mean igie? Expected one"),
        (
            "[validate]\nsubset = 'x'",
            "[validate] subset: unknown value 'x'; expected one of",
        ),
        ("reason = 'right'", "reason: must be typed, since a person answers for a baseline"),
        ("[validate]\naccept-baseline = true", "[validate] accept-baseline: must be typed"),
        ("x = [", "is not TOML: "),
    ],
)
def test_what_no_command_would_use_is_refused_in_one_line(write, text, message):
    file = write(text)
    with pytest.raises(TargetError, match=re.escape(message)) as error:
        read_file(file)
    assert str(error.value).startswith(str(file))
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(TargetError, match=r"none\.toml: No such file .*; name another with"):
        read_file(tmp_path / "none.toml")


def test_the_shared_file_has_a_table(write):
    file = write("[project]\nname = 'x'\n[tool.retinaface]\nbatch = 3", "pyproject.toml")
    assert read_file(file)[""] == {"batch": ("3",)}
    file = write("[tool.retinaface.validate]\nbatch = 3", "pyproject.toml")
    assert read_file(file)["validate"] == {"batch": ("3",)}
    with pytest.raises(TargetError, match=r"has no table \[tool\.retinaface\]"):
        read_file(write("[tool.other]", "pyproject.toml"))
    with pytest.raises(TargetError, match=r"should be a table; write \[tool\.retinaface\]"):
        read_file(write("[tool]\nretinaface = 3", "pyproject.toml"))


def test_the_nearest_file_is_found_up_to_the_root_of_the_repository(write, tmp_path):
    inner = tmp_path / "repository/a/b"
    inner.mkdir(parents=True)
    (tmp_path / "repository/.git").mkdir()
    write("")  # above the repository
    assert find_file(inner) is None
    shared = write("[tool.retinaface]", "repository/pyproject.toml")
    assert find_file(inner) == shared
    own = write("", "repository/retinaface.toml")
    assert find_file(inner) == own  # of one folder, its own file
    write("[project]", "repository/a/pyproject.toml")
    assert find_file(inner) == own  # without the table it is another program's
    nearer = write("", "repository/a/retinaface.toml")
    assert find_file(inner) == nearer


def test_the_search_ends_at_home_and_outside_both_in_the_folder(write, tmp_path):
    inner = tmp_path / "home/a"
    inner.mkdir(parents=True)
    file = write("")
    assert find_file(inner, home=tmp_path / "home") is None
    assert find_file(inner, home=tmp_path) == file
    assert find_file(inner, home=tmp_path / "another") is None
    assert find_file(tmp_path, home=tmp_path / "another") == file
