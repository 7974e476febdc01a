"""Find Iluvatar's board and the versions of the vendor's packages."""

from __future__ import annotations

from importlib import metadata

from retinaface.environment import command_output

MAKER = "Iluvatar"
# The next step where the vendor's software is missing.
WHEELS = (
    "install the vendor's wheels: IXUCA_WHEELS=FOLDER tox run -e validate-ixuca420, or pip install "
    "them here"
)


def board() -> dict[str, str]:
    """Ask `ixsmi` for name and driver of the first board; empty where `ixsmi` gives none."""
    fields = ("name", "driver_version")
    text = command_output("ixsmi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader")
    cells = [cell.strip() for cell in (text or "").splitlines()[:1] for cell in cell.split(",")]
    return dict(zip(fields, cells, strict=True)) if len(cells) == len(fields) else {}


def board_name(name: str | None) -> str:
    """Put the maker's name before a board's, as in baselines: `Iluvatar MR-V100`.

    Args:
        name: The board's name from the driver or the runtime; None where neither gives one.
    """
    if not name:
        return MAKER
    return name if name.lower().startswith(MAKER.lower()) else f"{MAKER} {name}"


def vendor_version(package: str, fallback: str) -> str:
    """Read the version of the vendor's package; its suffix names the SDK (`+corex.4.2.0`)."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return fallback
