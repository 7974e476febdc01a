import pytest

from retinaface.suite.settings.given import read_settings


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "retinaface.toml"
    path.write_text("batch = 4\nthreads = 2\nengine = 'a'\n[validate]\nbatch = 8\n")
    return path


def test_a_table_of_a_command_goes_before_the_top_and_a_variable_before_both(file, tmp_path):
    validate = read_settings("validate", {}, tmp_path)
    assert validate.texts("batch") == ("8",)
    assert validate.values["batch"].origin == f"{file}: [validate] batch"
    bench = read_settings("bench", {"RETINAFACE_BATCH": "1"}, tmp_path)
    assert bench.texts("batch") == ("1",)
    assert bench.values["batch"].origin == "RETINAFACE_BATCH"
    assert bench.values["threads"].origin == f"{file}: threads"


def test_a_command_gets_its_own_options_alone(file, tmp_path):
    assert set(read_settings("validate", {}, tmp_path).values) == {"engine", "batch"}
    assert read_settings("compare", {"RETINAFACE_BATCH": "1"}, tmp_path).values == {}


def test_the_description_names_what_came_from_the_file(file, tmp_path):
    environ = {"RETINAFACE_BATCH": "1"}
    assert read_settings("validate", {}, tmp_path).description == f"{file}: engine, batch"
    assert read_settings("validate", environ, tmp_path).description == f"{file}: engine"
    assert read_settings("compare", environ, tmp_path).description == ""


def test_a_file_is_named_or_none_is_read(file, tmp_path):
    assert read_settings("validate", {}, tmp_path, "none").file is None
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert read_settings("validate", {}, elsewhere).file is None
    assert read_settings("validate", {}, elsewhere, str(file)).texts("batch") == ("8",)
