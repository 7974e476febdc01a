"""Sensors are found by name; what this system does not tell is said in words."""

import pytest

from retinaface.suite.soak import readings
from retinaface.suite.soak.readings import Readings, find_sensors

CPU = {"device": "cpu"}


@pytest.fixture
def system(tmp_path):
    """Make the files of a machine with sensors."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    write("thermal/thermal_zone0/type", "x86_pkg_temp")
    write("thermal/thermal_zone0/temp", 41000)
    write("thermal/thermal_zone1/type", "x86_pkg_temp")
    write("thermal/thermal_zone1/temp", 43500)
    write("hwmon/hwmon0/name", "k10temp")
    write("hwmon/hwmon0/temp1_input", 55250)
    write("hwmon/hwmon0/temp1_label", "Tctl")
    write("hwmon/hwmon0/temp1_crit", 95000)
    write("hwmon/hwmon1/name", "broken")
    write("hwmon/hwmon1/temp1_input", "N/A")
    return tmp_path / "thermal", tmp_path / "hwmon"


def test_each_sensor_has_a_name_of_its_own_and_its_critical_temperature(system):
    found = {sensor.name: sensor.critical for sensor in find_sensors(*system)}
    assert found == {
        "k10temp Tctl": 95.0,
        "broken": None,
        "x86_pkg_temp": None,
        "x86_pkg_temp (thermal_zone1 temp)": None,
    }


def test_temperatures_are_read_in_degrees_and_a_broken_sensor_is_left_out(system):
    found = Readings(CPU, *system)
    expected = {
        "k10temp Tctl": 55.25,
        "x86_pkg_temp": 41.0,
        "x86_pkg_temp (thermal_zone1 temp)": 43.5,
    }
    assert found.read()["celsius"] == expected
    assert found.critical == {"k10temp Tctl": 95.0}
    assert not any("temperature" in text for text in found.missing)


def test_a_machine_without_sensors_is_said_to_have_none(tmp_path):
    found = Readings(CPU, tmp_path / "no", tmp_path / "none")
    assert found.read()["celsius"] == {}
    assert found.missing == [
        f"not readable: temperature of the machine: no sensor in {tmp_path}/no or {tmp_path}/none"
    ]


def test_a_system_that_tells_nothing_of_a_process_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(readings, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(readings, "_DESCRIPTORS", (tmp_path / "fd",))
    monkeypatch.setattr(readings, "_memory", lambda: None)
    found = Readings(CPU, tmp_path, tmp_path)
    assert {found.read()[name] for name in ("memory_bytes", "handles", "threads")} == {None}
    assert [text.split(":")[1].strip() for text in found.missing] == [
        "memory of this process",
        "file handles",
        "threads",
        "temperature of the machine",
    ]


@pytest.mark.needs("linux")
def test_an_open_file_and_a_thread_are_seen(tmp_path):
    import threading

    found = Readings(CPU)
    before = found.read()
    waits = threading.Event()
    thread = threading.Thread(target=waits.wait)
    thread.start()
    with (tmp_path / "new").open("w"):
        during = found.read()
    waits.set()
    thread.join()
    after = found.read()
    assert [one["handles"] - before["handles"] for one in (during, after)] == [1, 0]
    assert during["threads"] - before["threads"] == 1
    assert before["memory_bytes"] > 2**20


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("1520, 64\n1, 30", (1520 << 20, {"the engine's device": 64.0})),
        ("[N/A], [N/A]", (None, {})),
        (None, (None, {})),
    ],
    ids=["two devices", "not told", "no driver"],
)
def test_the_device_of_an_engine_is_read_where_its_driver_tells(
    monkeypatch, tmp_path, told, expected
):
    monkeypatch.setattr(readings, "command_output", lambda *_command: told)
    found = Readings({"device": "cuda"}, tmp_path, tmp_path)
    read = found.read()
    assert (read["device_bytes"], read["celsius"]) == expected
    words = "not readable: memory and temperature of the device cuda: nvidia-smi tells none"
    assert (words in found.missing) is (expected[0] is None)


def test_a_device_of_another_maker_is_said_to_be_unreadable(tmp_path):
    found = Readings({"device": "iluvatar"}, tmp_path, tmp_path)
    assert "memory and temperature of the device iluvatar" in found.missing[-1]
