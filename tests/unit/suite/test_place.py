"""The suites are those of a checkout, else those that ship with the package."""

from pathlib import Path

import pytest

from retinaface.suite.place import BASELINES, SUITES, Place, SuitesMissing, find_place

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    (root / SUITES).mkdir(parents=True)
    (root / "conftest.py").write_text("from retinaface.suite import plugin\n")
    return root


@pytest.fixture
def package(tmp_path):
    """Install a package without suites."""
    folder = tmp_path / "site-packages/retinaface"
    folder.mkdir(parents=True)
    return folder


def test_here_the_suites_are_those_of_this_checkout(tmp_path):
    assert find_place(tmp_path) == Place(ROOT)
    assert (ROOT / SUITES).is_dir()
    assert (ROOT / BASELINES).is_dir()


def test_a_checkout_in_the_working_directory_comes_first(checkout, package):
    (package / "shipped" / SUITES).mkdir(parents=True)
    assert find_place(checkout, package) == Place(checkout)
    assert find_place(checkout / "tests", checkout / "retinaface") == Place(checkout)


def test_elsewhere_they_are_those_of_the_package(tmp_path, package):
    shipped = package / "shipped"
    (shipped / SUITES).mkdir(parents=True)
    assert find_place(tmp_path, package) == Place(shipped, is_shipped=True)


def test_a_project_of_the_users_with_such_folders_is_no_checkout(checkout, package):
    (checkout / "conftest.py").write_text("import pytest\n")
    (package / "shipped" / SUITES).mkdir(parents=True)
    assert find_place(checkout, package).is_shipped


def test_missing_suites_are_an_error_that_names_where_it_looked(tmp_path, package):
    message = f"cannot find the suites: looked for tests/validation in {tmp_path}, .*shipped; inst"
    with pytest.raises(SuitesMissing, match=message):
        find_place(tmp_path, package)


def test_pytest_gets_what_it_finds_in_the_files_of_a_checkout(tmp_path):
    words = Place(tmp_path, is_shipped=True).pytest_words(tmp_path / "cache")
    assert words == [
        *("-c", f"{tmp_path}/pyproject.toml", f"--rootdir={tmp_path}"),
        *("-p", "retinaface.suite.plugin", "--import-mode=append"),
        *("-o", f"cache_dir={tmp_path}/cache/pytest"),
        f"--benchmark-storage=file://{tmp_path}/cache/benchmarks",
    ]
