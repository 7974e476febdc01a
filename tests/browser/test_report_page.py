"""The report in a browser: it loads, fits, is read by eye, by keyboard, by screen reader, on paper.

Each claim is about what Chromium shows, not about the markup; that is for `tests/unit/report`.
"""

import cv2
import numpy as np
import pytest

from retinaface.records.find import Unavailable
from retinaface.report import write_report
from tests.support.chromium import open_chromium
from tests.support.records import IMAGES, RESULT, N, entry, make_run

pytestmark = pytest.mark.needs("chromium")

HOSTILE = "<script>document.title = 'broken'</script>\"'&|`$\\frac{"
UNBREAKABLE = "x" * 150
LONG_TEST = f"tests/validation/test_export_fidelity.py::test_a[{'torchscript-13-' * 12}]"
SCHEMES = ("light", "dark")
WIDTHS_PX = (1280, 390)
HEIGHT_PX = 900
NAV = "nav a"
# How many times Tab is pressed at most: far more than there are stops.
MAX_STOPS = 400


class Photographs:
    """An image of any name: a ramp, of the shape of a photograph."""

    def read_bytes(self, image):
        ramp = np.tile(np.linspace(0, 255, 640, dtype=np.uint8)[None, :, None], (420, 1, 3))
        return cv2.imencode(".jpg", ramp)[1].tobytes()


def layers(factor):
    drift = [
        {"layer": f"stage{i}", "max_abs": factor * (i + 1), "noise_floor": 1} for i in range(9)
    ]
    return [*drift, {"layer": "last", "max_abs": "nan", "noise_floor": 1}]


def measured(factor, **more):
    speed = {"median_s": 0.1 * factor, "images_per_s": 32 / factor / 0.1}
    samples = [factor * (0.1 + 0.001 * i) for i in range(40)]
    speeds = {name: speed | {"samples_s": samples} for name in ("network", "end-to-end")}
    return {"speed": speeds, "layers": layers(factor)} | more


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Ten runs: a reference, some the same, one that moved, odd words, and one of nothing."""
    tmp = tmp_path_factory.mktemp("report")
    passed = [entry("s.py::kept"), entry(LONG_TEST), entry("s.py::skip", "SKIPPED", HOSTILE)]
    failed = [entry("s.py::kept"), entry(LONG_TEST, "FAIL", f"{HOSTILE}\n{UNBREAKABLE}\nend")]
    runs = [
        make_run(tmp / "reference", result=measured(1.0), tests=passed),
        make_run(tmp / "same", result=measured(1.0), tests=passed),
        *(make_run(tmp / f"again-{i}", result=measured(1.0 + i / 10)) for i in range(5)),
        make_run(tmp / "moved", shift=20.0, result=measured(1.4), tests=failed, verdict="FAIL"),
        make_run(
            tmp / UNBREAKABLE,
            hits=np.arange(N) > 20,
            images=(*IMAGES[:-1], HOSTILE),
            environment={"cpu": HOSTILE, "platform": UNBREAKABLE, "cpu_flags": [UNBREAKABLE] * 3},
            command=f"{HOSTILE} {UNBREAKABLE}",
            result=measured(0.7),
        ),
        make_run(tmp / "other", ids=("vendor-npu-fp16--ixrt--b8",), state="crashed", running="s"),
    ]
    rows = [Unavailable("row", "onnxruntime", "1.17.3", "3.14", f"no wheel {UNBREAKABLE}")]
    output = tmp / "report.html"
    write_report(runs, rows, output, title=f"Ten runs {HOSTILE}", dataset=Photographs())
    return output


@pytest.fixture(scope="module")
def browser():
    with open_chromium() as opened:
        yield opened


@pytest.fixture
def open_page(browser, report):
    """Open the report, with what the browser complained of and asked for."""
    contexts = []

    def open_it(width_px=1280, scheme="light", **options):
        viewport = {"width": width_px, "height": HEIGHT_PX}
        context = browser.new_context(viewport=viewport, color_scheme=scheme, **options)
        context.set_default_timeout(5000)
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("requestfailed", lambda request: page.complaints.append(request.url[:100]))
        page.on("request", lambda request: page.asked.append(request.url[:100]))
        page.goto(report.as_uri(), wait_until="load")
        return page

    yield open_it
    for context in contexts:
        context.close()


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
    """What ends right of the page and cannot be scrolled to."""
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
    """Neither TeX of the library that draws, nor a text outside its picture."""
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
    """At least 8 px in height on a phone and on a screen."""
    page = open_page(width_px)
    sizes = page.evaluate("""() => [...document.querySelectorAll('svg text')]
        .map(t => t.getBoundingClientRect().height).filter(h => h > 0)""")
    assert min(sizes) >= 8


def test_it_is_read_without_javascript(open_page):
    page = open_page(java_script_enabled=False)
    for words in (RESULT, "AP easy", "Skip", "Ten runs", "no wheel", "detections"):
        assert page.get_by_text(words).locator("visible=true").count() > 0, words
    page.locator("summary", has_text="end-to-end").click()
    assert page.get_by_text(f"end-to-end of {RESULT}").is_visible()


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


def test_the_two_schemes_differ(open_page):
    colours = [
        open_page(scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in SCHEMES
    ]
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 23, 26)"]


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
