"""Complete the JUnit XML of a run: figures of each check, the run's AP, INCONCLUSIVE as what it is.

JUnit knows passed, failed, skipped and error. A test that could not decide is none of them; it
becomes `<skipped type="INCONCLUSIVE">`, so that no server counts it as passed or failed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from retinaface.suite.hooks.gate import UNDECIDED
from retinaface.suite.hooks.stash import RUN
from retinaface.telling.visible import visible
from retinaface.verdicts import Verdict

if TYPE_CHECKING:
    from retinaface.suite.run import ValidationRun


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Complete the file once pytest has written it."""
    yield
    run = session.config.stash.get(RUN, None)
    path = session.config.getoption("xmlpath", None)
    if run is not None and path is not None and Path(path).is_file():
        complete(Path(path), run)


def complete(path: Path, run: ValidationRun) -> None:
    """Write verdict and AP of a run into its JUnit XML, and turn undecided tests into skipped ones.

    Args:
        path: As pytest wrote it.
    """
    tree = ET.parse(path)  # noqa: S314 - pytest wrote it in this process
    for suite in tree.iter("testsuite"):
        undecided = [case for case in suite.iter("testcase") if _is_undecided(case)]
        for case in undecided:
            _turn_into_skipped(case)
        for counted, change in (("failures", -1), ("skipped", 1)):
            suite.set(counted, str(int(suite.get(counted, "0")) + change * len(undecided)))
        suite.insert(0, _properties(run_properties(run)))
    _show(tree.iter())
    tree.write(path, encoding="utf-8", xml_declaration=True)


def run_properties(run: ValidationRun) -> list[tuple[str, str]]:
    """List the verdict of a run, its warnings, and AP of each result in percent."""
    found = [("verdict", str(run.verdict)), *(("warning", text) for text in run.warnings())]
    for name, result in run.results.items():
        for split, ap in result.get("ap", {}).items():
            found.append((f"{name}: AP {split}", f"{100 * ap:.2f} %"))
        if "n_images" in result:
            found.append((f"{name}: images", str(result["n_images"])))
    return found


def _properties(pairs: Iterable[tuple[str, str]]) -> ET.Element:
    element = ET.Element("properties")
    for name, value in pairs:
        ET.SubElement(element, "property", name=name, value=value)
    return element


def _show(elements: Iterable[ET.Element]) -> None:
    """Write out what XML may not hold, and what acts in the viewer of a server."""
    for element in elements:
        element.text = element.text and visible(element.text, keep="\n\t")
        for name, value in element.attrib.items():
            element.set(name, visible(value, keep="\n\t"))


def _is_undecided(case: ET.Element) -> bool:
    marks = case.iterfind("properties/property")
    return case.find("failure") is not None and any(p.get("name") == UNDECIDED[0] for p in marks)


def _turn_into_skipped(case: ET.Element) -> None:
    """Replace the failure that pytest wrote, and name the verdict."""
    for one in list(case):
        if one.tag == "failure":
            text = (one.text or "").strip()
            first = text.partition("\n")[0]
            skipped = ET.Element("skipped", type=str(Verdict.INCONCLUSIVE), message=first)
            skipped.text = text
            case[list(case).index(one)] = skipped
        elif one.tag == "properties":
            for mark in list(one):
                if mark.get("name") == UNDECIDED[0]:
                    mark.set("name", "verdict")
                    mark.set("value", str(Verdict.INCONCLUSIVE))
