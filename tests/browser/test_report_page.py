"""The report in a browser: it loads, fits, and is read by eye, on a screen and on paper.

Each claim is about what Chromium shows, not about the markup; that is for `tests/unit/report`.
"""

import pytest

from tests.support.made.records import RESULT
from tests.support.made.reports import HEIGHT_PX, SCHEMES, WIDTHS_PX

pytestmark = pytest.mark.needs("chromium")


NAV = "nav a"


def test_it_loads_without_an_error_and_asks_for_nothing_else(open_page, report):
    page = open_page()
    page.wait_for_timeout(200)
    assert page.complaints == []
    assert [url for url in page.asked if not url.startswith("data:")] == [report.as_uri()]
    assert page.title().startswith("FAIL: Ten runs <script>")


@pytest.mark.parametrize("width_px", WIDTHS_PX)
def test_the_page_does_not_scroll_sideways_and_nothing_is_cut_off(open_page, width_px):
    page = open_page(width_px)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width_px
    assert _beyond_the_edge(page) == []


def _beyond_the_edge(page):
    """Find what ends right of the page and cannot be scrolled to."""
    return page.evaluate("""() => [...document.querySelectorAll('body *')]
        .filter(e => !e.closest('.scroll table, svg') && !e.matches('.skip'))
        .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map(e => e.outerHTML.slice(0, 100))""")


@pytest.mark.parametrize("width_px", WIDTHS_PX)
def test_the_verdict_and_what_moved_are_on_the_first_screen(open_page, width_px):
    page = open_page(width_px)
    assert page.locator("h1 .verdict").inner_text() == "FAIL"
    moved = page.locator(".runs > li", has_text="moved:").first
    assert "detections without a counterpart" in moved.inner_text()
    for shown in (page.locator("h1"), moved.locator("p").first):
        box = shown.bounding_box()
        assert box["y"] + box["height"] <= HEIGHT_PX


def test_every_link_of_the_contents_leads_to_its_section(open_page):
    page = open_page()
    links = page.locator(NAV)
    assert links.count() >= 10
    for i in range(links.count()):
        page.evaluate("scrollTo(0, 0)")
        links.nth(i).click()
        target = page.locator(links.nth(i).get_attribute("href"))
        box = target.bounding_box()
        assert 0 <= box["y"] < HEIGHT_PX - box["height"], links.nth(i).inner_text()


def test_every_image_decodes(open_page):
    page = open_page()
    sizes = page.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert len(sizes) >= 12
    assert min(sizes) > 100


def test_no_plot_has_words_that_are_markup(open_page):
    """Look for TeX of the plotting library, and for text outside its picture."""
    page = open_page()
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    words = page.locator("svg text").all_text_contents()
    assert len(words) > 50
    assert [word for word in words if "mathdefault" in word] == []
    outside = page.evaluate("""() => [...document.querySelectorAll('svg text')].filter(t => {
        const own = t.getBoundingClientRect();
        const around = t.closest('svg').getBoundingClientRect();
        return own.left < around.left - 2 || own.right > around.right + 2;
    }).map(t => t.textContent)""")
    assert outside == []


@pytest.mark.parametrize("width_px", WIDTHS_PX)
def test_the_words_of_a_plot_are_large_enough(open_page, width_px):
    """Ask for at least 8 px in height on a phone and on a screen."""
    page = open_page(width_px)
    sizes = page.evaluate("""() => [...document.querySelectorAll('svg text')]
        .map(t => t.getBoundingClientRect().height).filter(h => h > 0)""")
    assert min(sizes) >= 8


def test_it_is_read_without_javascript(open_page):
    page = open_page(java_script_enabled=False)
    for words in (RESULT, "AP easy", "Skip", "Ten runs", "no wheel", "detections"):
        assert page.get_by_text(words).locator("visible=true").count() > 0, words
    page.locator("summary", has_text="end-to-end").click()
    assert page.locator("figcaption", has_text=f"end-to-end of {RESULT}").is_visible()


def test_the_two_schemes_differ(open_page):
    colours = [
        open_page(scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in SCHEMES
    ]
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 23, 26)"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_on_paper_what_is_folded_is_printed_too_on_white(open_page, scheme):
    page = open_page(800, scheme)
    heights = """[...document.querySelectorAll('details:not([open]) > :not(summary)')]
        .map(e => e.checkVisibility() ? e.getBoundingClientRect().height : 0)"""
    on_screen = page.evaluate(heights)
    assert len(on_screen) >= 5
    assert set(on_screen) == {0}
    page.emulate_media(media="print", color_scheme=scheme)
    page.wait_for_timeout(200)  # what is folded is laid out with the next frame
    assert min(page.evaluate(heights)) > 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()


def test_a_printed_page_cuts_no_table_off(open_page):
    page = open_page(720)  # about the width of A4 between its margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    wide = page.evaluate("""() => [...document.querySelectorAll('table')]
        .filter(t => t.getBoundingClientRect().right > innerWidth + 1)
        .map(t => t.parentElement.ariaLabel.slice(0, 60))""")
    assert wide == []


def test_it_becomes_a_pdf_of_several_pages(open_page):
    data = open_page().pdf(format="A4")
    assert data.startswith(b"%PDF-")
    assert data.count(b"/Type /Page\n") >= 3
