import pytest

from retinaface.cli.supervision.selection import below_root, is_quick, paths, wants_own_output

NOTHING = dict.fromkeys(
    ("engine", "model", "engine_file", "weights", "widerface", "subset", "accept_baseline")
    + ("ground_truth", "markers", "keywords", "assets", "pipeline", "record")
)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, []),
        ({"pipeline": ("igie",), "record": "run"}, ["-x", "--maxfail=2"]),
        ({}, ["-c", "pyproject.toml"]),
    ],
    ids=["bare", "pipeline", "settings"],
)
def test_the_quick_selection_runs_if_nothing_is_named(root, options, words):
    assert is_quick(NOTHING | options, words, root)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": ("a",)}, []),
        ({"model": ("a.onnx",)}, []),
        ({"engine_file": ("a.so",)}, []),
        ({"weights": "embedded"}, []),
        ({"assets": "folder"}, []),
        ({"widerface": "wf"}, []),
        ({"ground_truth": "gt"}, []),
        ({"subset": "every-8"}, []),
        ({"accept_baseline": True}, []),
        ({"markers": "speed"}, []),
        ({"keywords": "igie"}, []),
        ({}, ["tests"]),
        ({}, ["--deselect=tests/a.py"]),
    ],
)
def test_every_test_runs_if_something_is_named(root, options, words):
    assert not is_quick(NOTHING | options, words, root)


def test_paths_are_words_that_exist_and_are_not_values(root):
    words = ["-x", "tests", "--deselect", "tests", "tests::a[b]", "none", "--maxfail=1", "tests"]
    assert paths(words, root) == ["tests", "tests::a[b]", "tests"]
    whole = ["-x", f"{root}/tests", "--deselect", "tests", f"{root}/tests::a[b]", "none"]
    assert below_root(words, root) == [*whole, "--maxfail=1", f"{root}/tests"]


@pytest.mark.parametrize("option", ["--ignore", "--ignore-glob"])
def test_ignored_paths_are_those_of_the_suites(root, option):
    whole = [option, f"{root}/tests", f"{option}={root}/tests"]
    assert below_root([option, "tests", f"{option}=tests"], root) == whole
    assert below_root(whole, root) == whole


def test_what_the_suites_do_not_hold_is_the_callers(root):
    words = ["--ignore", "mine", "--ignore=mine/a.py", "--junitxml=tests", "--deselect=tests/a.py"]
    assert below_root(words, root) == words
    assert below_root(["--ignore-glob=tests/*_a.py"], root) == [
        f"--ignore-glob={root}/tests/*_a.py"
    ]


@pytest.mark.parametrize("word", ["-v", "-vv", "-s", "-rA", "--tb=long", "--durations", "--co"])
def test_some_words_ask_for_the_output_of_pytest(word):
    assert wants_own_output(["-x", word])


@pytest.mark.parametrize("word", ["-x", "-q", "--maxfail=2", "--benchmark-json=f", "tests/a.py"])
def test_other_words_do_not(word):
    assert not wants_own_output([word])
