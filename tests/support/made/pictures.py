"""Pictures for the command line, and what a folder holds after it ran."""

from pathlib import Path

import cv2

from retinaface.network.scenes import scene


def image(path: Path, height: int = 120, width: int = 160) -> Path:
    """Draw a scene into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), scene(height, width, 1))
    return path


def tree(folder: Path) -> list[str]:
    """List the names of all files in a folder, at any depth."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))
