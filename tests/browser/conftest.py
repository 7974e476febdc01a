"""Make the report, and a browser to open it in."""

import pytest

from retinaface.report import write_report
from tests.support.chromium import open_chromium
from tests.support.made.reports import (
    HEIGHT_PX,
    VERDICTS,
    Photographs,
    make_scored_run,
    write_report_of_ten,
)


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """Write the report of ten runs, which no test changes."""
    return write_report_of_ten(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def cards(tmp_path_factory):
    """Write the scorecard of a run of each verdict, which no test changes: paths by verdict."""
    folder = tmp_path_factory.mktemp("cards")
    paths = {verdict: folder / f"{verdict}.html" for verdict in VERDICTS}
    for verdict, path in paths.items():
        run = make_scored_run(folder / f"run-{verdict}", verdict)
        write_report([run], [], path, title="RetinaFace validation", dataset=Photographs())
    return paths


@pytest.fixture(scope="module")
def browser():
    with open_chromium() as opened:
        yield opened


@pytest.fixture
def open_page(browser, report):
    """Open the report of ten, or another page, and keep the browser's complaints and requests."""
    contexts = []

    def open_it(width_px=1280, scheme="light", *, path=report, height_px=HEIGHT_PX, **options):
        viewport = {"width": width_px, "height": height_px}
        context = browser.new_context(viewport=viewport, color_scheme=scheme, **options)
        context.set_default_timeout(5000)
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("requestfailed", lambda request: page.complaints.append(request.url[:100]))
        page.on("request", lambda request: page.asked.append(request.url[:100]))
        page.goto(path.as_uri(), wait_until="load")
        return page

    yield open_it
    for context in contexts:
        context.close()
