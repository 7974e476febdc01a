"""The page of a history in a browser: narrow and wide, light and dark, for everybody."""

import pytest

from retinaface.history.index import read_history
from retinaface.history.judged import judge_run
from retinaface.history.series import lines_of
from retinaface.history.told import tell
from retinaface.report.history import write_history_page
from tests.support.histories import write_history
from tests.support.made.reports import SCHEMES, UNBREAKABLE, WIDTHS_PX

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """Stand in for the report: the page that `open_page` opens."""
    folder = tmp_path_factory.mktemp("history")
    write_history(folder / "runs", [46.5] * 20 + [45.9] * 20, [240.0] * 20 + [200.0] * 20)
    write_history(folder / "runs", [46.5] * 8, first=50, engine="ncnn-cpu-fp16", cpu=UNBREAKABLE)
    found = read_history(folder / "runs")
    lines = lines_of(found.rows)
    judgement = judge_run(found.rows[22], found.rows, lines)
    write_history_page(tell(found, lines, judgement), folder / "history.html", title="History")
    return folder / "history.html"


@pytest.mark.parametrize("width_px", WIDTHS_PX)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_overflows_and_everything_is_accessible(open_page, scheme, width_px):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(width_px, scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
    found = Axe().run(page).response
    assert any(rule["id"] == "color-contrast" for rule in found["passes"])
    assert [rule["id"] for rule in found["violations"]] == []
    assert page.complaints == []
    assert len(page.asked) == 1


def test_the_verdict_and_the_newest_change_are_on_the_first_screen_of_a_phone(open_page):
    page = open_page(390)
    for text in ("FAIL", "1 change of level in 1 of 2 engines"):
        assert page.get_by_text(text).first.bounding_box()["y"] < 700


def test_the_page_reads_without_script(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator(".panels svg").count() == 6
    page.locator(".cards details summary").press("Enter")
    assert page.get_by_role("heading", name="ncnn-cpu-fp16 on ").is_visible()
