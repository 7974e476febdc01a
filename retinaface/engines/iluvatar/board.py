"""What the engines of Iluvatar's runtimes share: the board, and the vendor's packages."""

from __future__ import annotations

from importlib import metadata

from retinaface.environment import command_output

MAKER = "Iluvatar"
# What to do where the vendor's software is missing.
WHEELS = (
    "install the vendor's wheels: IXUCA_WHEELS=FOLDER tox run -e validate-ixuca420, or pip install "
    "them here"
)


def board() -> dict[str, str]:
    """Ask `ixsmi` for name and driver of the first board; empty where it cannot be asked."""
    fields = ("name", "driver_version")
    text = command_output("ixsmi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader")
    cells = [cell.strip() for cell in (text or "").splitlines()[:1] for cell in cell.split(",")]
    return dict(zip(fields, cells, strict=True)) if len(cells) == len(fields) else {}


def board_name(said: str | None) -> str:
    """Put the maker's name before a board's, as baselines have it: `Iluvatar MR-V100`.

    Args:
        said: What the driver or the runtime calls it; None where neither does.
    """
    if not said:
        return MAKER
    return said if said.lower().startswith(MAKER.lower()) else f"{MAKER} {said}"


def vendor_version(package: str, fallback: str) -> str:
    """Read the version of the vendor's package, whose suffix names the SDK (`+corex.4.2.0`)."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return fallback
