"""The report in a browser for those who do not see all of it: keyboard, contrast, structure."""

import pytest

from tests.support.made.reports import HEIGHT_PX, SCHEMES, WIDTHS_PX

pytestmark = pytest.mark.needs("chromium")

# How many times Tab is pressed at most: far more than there are stops.
MAX_STOPS = 400


@pytest.mark.parametrize("width_px", WIDTHS_PX)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrast_and_structure_are_accessible(open_page, scheme, width_px):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(width_px, scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = Axe().run(page).response
    assert any(rule["id"] == "color-contrast" for rule in found["passes"])
    broken = [
        f"{rule['id']}: {node['target'][0]}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
    assert broken == [], "\n".join(broken)


def test_the_first_stop_of_the_keyboard_skips_to_the_results(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert 0 <= page.locator("#matrix").bounding_box()["y"] < HEIGHT_PX / 2


def test_the_keyboard_reaches_every_summary_and_every_wide_table_and_shows_where_it_is(open_page):
    page = open_page()
    wanted = page.evaluate("""() => {
        const all = [...document.querySelectorAll('summary, .scroll')];
        return all.filter(e => e.checkVisibility()).map((e, i) => e.dataset.stop = String(i));
    }""")
    seen = set()
    for _ in range(MAX_STOPS):
        page.keyboard.press("Tab")
        stop, outline = page.evaluate("""() => {
            const e = document.activeElement;
            return [e.dataset.stop, getComputedStyle(e).outlineStyle];
        }""")
        assert outline == "solid" or stop is None
        seen.add(stop)
        if seen >= set(wanted):
            return
    assert set(wanted) <= seen


def test_enter_opens_and_closes_what_is_folded(open_page):
    page = open_page()
    folded = page.locator("details:not([open])").first
    folded.evaluate("e => e.dataset.chosen = ''")
    chosen = page.locator("details[data-chosen]")
    for is_open in (True, False):
        chosen.locator("> summary").focus()
        page.keyboard.press("Enter")
        assert chosen.evaluate("e => e.open") is is_open


def test_arrow_keys_scroll_the_matrix_and_its_first_column_stays(open_page):
    page = open_page(390)
    matrix = page.locator(".matrix")
    first = matrix.locator("tbody:not(.group) th").first
    before = first.bounding_box()["x"]
    matrix.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.matrix').scrollLeft > 40")
    assert first.bounding_box()["x"] == pytest.approx(before, abs=2)
