"""The scorecard of one run in a browser: the first screen answers, for eyes and keyboard."""

import pytest

from tests.support.made.reports import SCHEMES, VERDICTS

pytestmark = pytest.mark.needs("chromium")

# A laptop and a phone: what is seen before anybody scrolls.
SCREENS = {"laptop": (1280, 720), "phone": (390, 844)}


@pytest.fixture(params=VERDICTS)
def open_card(request, cards, open_page):
    """Open the page of each verdict on a screen, with its verdict as `verdict`."""

    def open_it(screen="laptop", **options):
        width_px, height_px = SCREENS[screen]
        path = cards[request.param]
        page = open_page(width_px, path=path, height_px=height_px, **options)
        page.verdict = request.param
        return page

    return open_it


@pytest.mark.parametrize("screen", SCREENS)
def test_the_first_screen_says_verdict_weakest_point_and_number_of_images(open_card, screen):
    page = open_card(screen, java_script_enabled=False)
    assert page.locator("h1 .verdict").inner_text() == page.verdict
    facts = page.locator(".facts > div")
    first = {"PASS": "Weakest", "FAIL": "Begins at", "INCONCLUSIVE": "Open"}[page.verdict]
    assert facts.nth(0).inner_text().startswith(first)
    assert "60 of the embedded set" in facts.nth(1).inner_text()
    rows = page.locator(".answers tbody tr")
    assert rows.count() == 9
    for shown in (page.locator("h1"), facts.nth(0), facts.nth(1), rows.nth(0)):
        box = shown.bounding_box()
        assert box["y"] + box["height"] <= SCREENS[screen][1]
    if screen == "laptop":
        box = rows.nth(8).bounding_box()
        assert box["y"] + box["height"] <= SCREENS[screen][1]


def test_a_question_without_an_answer_is_in_words_and_never_green(open_card):
    page = open_card()
    for row in page.locator(".answers tr.unanswered").all():
        assert row.locator(".verdict").inner_text() in ("NOT ASKED", "SKIPPED")
        assert row.locator(".bar").count() == 0
        row.get_by_role("link", name="How to ask it").click()
        assert page.locator("#wrong").bounding_box()["y"] >= 0
        page.go_back()


def test_bars_are_as_long_as_what_is_left_and_hatched_beyond_the_limit(open_card):
    page = open_card()
    for bar in page.locator(".bar").all():
        left = bar.locator("xpath=following-sibling::*[@class='left']").inner_text()
        inner, outer = bar.locator("span").bounding_box(), bar.bounding_box()
        if left.endswith("% left"):
            percent = float(left.split()[0])
            assert 100 * inner["width"] / outer["width"] == pytest.approx(percent, abs=3)
        else:
            assert left == "over the limit"
            image = bar.evaluate("e => getComputedStyle(e).backgroundImage")
            assert image.startswith("repeating-linear-gradient")


@pytest.mark.parametrize("screen", SCREENS)
def test_it_does_not_scroll_sideways(open_card, screen):
    page = open_card(screen)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == SCREENS[screen][0]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrast_and_structure_are_accessible(open_card, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = open_card("phone", scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    broken = [
        f"{rule['id']}: {node['target'][0]}: {node['failureSummary']}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
    ]
    assert broken == [], "\n".join(broken)


def test_the_keyboard_comes_first_to_the_answers_and_to_every_command(open_card):
    page = open_card()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.hash") == "#answers"
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        text, outline = page.evaluate("""() => {
            const e = document.activeElement;
            return [e.innerText, getComputedStyle(e).outlineStyle];
        }""")
        assert outline == "solid" or page.evaluate("document.activeElement === document.body")
        reached.add(text)
    page_commands = page.locator("details[open] > pre.copy, section > pre.copy").all_inner_texts()
    assert page_commands
    assert set(page_commands) <= reached


def test_on_paper_the_answers_and_commands_are_printed(open_card):
    page = open_card(scheme="dark")
    page.set_viewport_size({"width": 720, "height": 1000})
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".answers tbody tr").count() == 9
    for command in page.locator("pre.copy").all():
        assert command.bounding_box()["height"] > 0


def test_a_picture_opens_at_full_size_and_closes_without_a_script(cards, open_page):
    page = open_page(390, path=cards["FAIL"], java_script_enabled=False)
    picture = page.locator(".view img").first
    natural = int(picture.get_attribute("width"))
    assert picture.bounding_box()["width"] < natural
    page.locator(".view .open").first.click()
    assert page.url.endswith("#picture-1-1")
    assert picture.bounding_box()["width"] == pytest.approx(natural, abs=3)
    assert page.locator(".view").first.evaluate("e => e.scrollWidth > e.clientWidth")
    page.get_by_text("Close").first.click()
    assert picture.bounding_box()["width"] < natural


def test_each_picture_is_embedded_once(cards):
    html = cards["FAIL"].read_text()
    assert html.count("data:image/jpeg;base64,") == 1
