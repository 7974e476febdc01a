"""A missing browser is reported with its reason, and the report's benchmark opens a real report."""

import re
import shutil
import sys

import pytest

from tests.support import chromium
from tests.support.made.records import make_run
from tests.support.made.reports import Photographs


def test_without_playwright_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    assert re.search(r"importing playwright failed .*extra 'dev'", chromium.missing_chromium())


def test_without_a_browser_the_package_is_named(monkeypatch):
    monkeypatch.setattr(chromium.shutil, "which", lambda name: None)
    assert chromium.missing_chromium().endswith("install Debian's package chromium")


def test_a_browser_that_does_not_start_is_no_browser(monkeypatch):
    false = shutil.which("false")
    monkeypatch.setattr(chromium.shutil, "which", lambda name: false)
    reason = chromium.missing_chromium()
    assert reason.startswith(f"{false} did not start: ")
    assert "\n" not in reason


@pytest.mark.needs("chromium")
def test_the_benchmark_opens_a_report_of_runs_that_differ(tmp_path):
    from benchmarks import report_page

    run = make_run(tmp_path / "run", result={})
    measured = report_page.measure(run, Photographs(), tmp_path, n_runs=3, n_pictures=2, turns=2)
    assert (measured.n_runs, measured.n_images, measured.n_pictures) == (3, 60, 4)
    size = (tmp_path / "report.html").stat().st_size
    assert measured.size_mib == pytest.approx(size / 2**20)
    assert min(measured.shown_ms) > 0
    assert len(measured.load_ms) == 2
    text = report_page.section(measured)
    assert text.startswith("3 runs of 1 results over 60 images, 4 pairs of pictures: ")
