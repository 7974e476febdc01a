"""Read memory, handles, threads and temperatures, where this system tells them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retinaface.checks.engine_contract import resident_bytes
from retinaface.environment import command_output

_THERMAL, _HWMON = Path("/sys/class/thermal"), Path("/sys/class/hwmon")
_STATUS = Path("/proc/self/status")
# The numbers of open descriptors, on Linux and on other systems.
_DESCRIPTORS = (Path("/proc/self/fd"), Path("/dev/fd"))
_DEVICE_SENSOR = "the engine's device"
_NVIDIA_FIELDS = "memory.used,temperature.gpu"


@dataclass(frozen=True)
class Sensor:
    """A thermometer.

    Attributes:
        file: Holds thousandths of a degree Celsius.
        critical: In degrees, where its device turns itself down; None where it does not say.
    """

    name: str
    file: Path
    critical: float | None = None


class Readings:
    """Reads what can be read here.

    Attributes:
        missing: What cannot be read, in words, with the reason.
        critical: By sensor, where told.
    """

    def __init__(
        self, engine: dict[str, Any], thermal: Path = _THERMAL, hwmon: Path = _HWMON
    ) -> None:
        """Look which readings there are.

        Args:
            engine: The result of `Engine.describe`.
        """
        self._sensors = [s for s in find_sensors(thermal, hwmon) if _celsius(s.file) is not None]
        self._has_nvidia = engine.get("device") == "cuda" and _nvidia() is not None
        self.critical = {s.name: s.critical for s in self._sensors if s.critical is not None}
        self.missing = self._missing(str(engine.get("device")), thermal, hwmon)

    def _missing(self, device: str, thermal: Path, hwmon: Path) -> list[str]:
        found = self.read()
        words = {
            "memory_bytes": f"memory of this process: {_STATUS} is missing",
            "handles": "file handles: this system does not list them",
            "threads": f"threads: {_STATUS} is missing",
        }
        missing = [text for name, text in words.items() if found[name] is None]
        if not self._sensors:
            missing.append(f"temperature of the machine: no sensor in {thermal} or {hwmon}")
        if device != "cpu" and not self._has_nvidia:
            missing.append(f"memory and temperature of the device {device}: nvidia-smi tells none")
        return [f"not readable: {text}" for text in missing]

    def read(self) -> dict[str, Any]:
        """Read all; the fields of a `Sample`, None where one is not readable."""
        celsius = {s.name: c for s in self._sensors if (c := _celsius(s.file)) is not None}
        device_bytes = None
        if self._has_nvidia and (found := _nvidia()) is not None:
            device_bytes, celsius[_DEVICE_SENSOR] = found
        return {
            "memory_bytes": _memory(),
            "handles": _n_handles(),
            "threads": _n_threads(),
            "celsius": celsius,
            "device_bytes": device_bytes,
        }


def find_sensors(thermal: Path = _THERMAL, hwmon: Path = _HWMON) -> list[Sensor]:
    """List the thermometers of this machine, each with a name of its own."""
    found: dict[str, Sensor] = {}
    zones = [(path / "temp", _text(path / "type")) for path in thermal.glob("thermal_zone*")]
    chips = [
        (path, f"{_text(path.parent / 'name')} {_text(path.with_name(_part(path, 'label')))}")
        for path in hwmon.glob("hwmon*/temp*_input")
    ]
    for file, told in sorted([*zones, *chips]):
        name = " ".join(told.split()) or file.parent.name
        if name in found:
            name = f"{name} ({file.parent.name} {file.name})"
        critical = None if file.name == "temp" else _celsius(file.with_name(_part(file, "crit")))
        found[name] = Sensor(name, file, critical)
    return list(found.values())


def _part(path: Path, what: str) -> str:
    """Name the file beside `temp1_input` that holds its label, or its critical temperature."""
    return path.name.replace("_input", f"_{what}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # sensors come and go, and need not have a name
        return ""


def _celsius(path: Path) -> float | None:
    """Read a thermometer; None where it gives no number."""
    try:
        return int(_text(path)) / 1000
    except ValueError:
        return None


def _memory() -> int | None:
    try:
        return resident_bytes()
    except OSError:  # no Linux
        return None


def _n_handles() -> int | None:
    for folder in _DESCRIPTORS:
        if folder.is_dir():
            return len(list(folder.iterdir())) - 1  # one of them reads the list
    return None


def _n_threads() -> int | None:
    for line in _text(_STATUS).splitlines():
        if line.startswith("Threads:"):
            return int(line.split()[1])
    return None


def _nvidia() -> tuple[int, float] | None:
    """Ask the driver for the memory in use and the temperature of the first device."""
    form = "--format=csv,noheader,nounits"
    text = command_output("nvidia-smi", f"--query-gpu={_NVIDIA_FIELDS}", form)
    try:
        mib, celsius = (text or "").splitlines()[0].split(",")
        return int(mib) << 20, float(celsius)
    except (IndexError, ValueError):  # none, or it says [N/A]
        return None
