"""Names and values of options, as the runtime tells them; a stand-in tells them here."""

import pytest

from retinaface.engines.openvino.options import check_properties
from retinaface.errors import EngineUnavailable

CPU = {"NUM_STREAMS": "RW", "WEIGHTS_PATH": "WO", "FULL_DEVICE_NAME": "RO"}
AUTO = {"PERFORMANCE_HINT": "RW", "FULL_DEVICE_NAME": "RO"}


class Core:
    """Two devices; one takes numbers only."""

    available_devices = ("CPU",)

    def __init__(self):
        self.was_set = []

    def get_property(self, device, name):
        assert name == "SUPPORTED_PROPERTIES"
        if device == "GPU":
            raise RuntimeError("Exception from core.cpp\nno such device")
        return {"CPU": CPU, "AUTO": AUTO}[device]

    def set_property(self, device, options):
        self.was_set.append((device, options))
        if options.get("NUM_STREAMS", "1") == "many":
            raise RuntimeError("Exception from core.cpp:1\n\nno number: many\nmore\n")


def refused(device, **options):
    with pytest.raises(EngineUnavailable) as caught:
        check_properties("openvino-x-fp32", Core(), device, options)
    return str(caught.value)


def test_names_that_the_device_can_set_are_taken():
    core = Core()
    options = {"NUM_STREAMS": "2", "WEIGHTS_PATH": "w", "CACHE_DIR": "c"}
    check_properties("openvino-cpu-fp32", core, "CPU", options)
    assert core.was_set == [("CPU", {"NUM_STREAMS": "2"}), ("CPU", {"WEIGHTS_PATH": "w"})]


@pytest.mark.parametrize(
    ("option", "step"),
    [
        ("NUM_STREAM", "did you mean NUM_STREAMS?"),
        ("num_streams", "did you mean NUM_STREAMS?"),
        ("fusion", "leave it out"),
        ("FULL_DEVICE_NAME", "leave it out"),  # it can only be read
    ],
)
def test_another_name_is_refused_with_the_nearest(option, step):
    assert refused("CPU", **{option: "off"}) == (
        f"openvino-x-fp32: unknown option '{option}'; expected one of: CACHE_DIR (a folder for "
        "compiled models), CACHE_MODE (OPTIMIZE_SIZE or OPTIMIZE_SPEED), ENABLE_MMAP (YES or NO: "
        f"map weights instead of reading them), NUM_STREAMS, WEIGHTS_PATH; {step}"
    )


def test_a_value_is_refused_in_one_line_with_the_reason_of_the_runtime():
    assert refused("CPU", NUM_STREAMS="many") == (
        "openvino-x-fp32: OpenVINO does not take NUM_STREAMS=many on CPU: no number: many; give "
        "another value with --engine-option"
    )


def test_where_the_runtime_chooses_the_devices_that_are_there_count_too():
    core = Core()
    check_properties("x", core, "AUTO", {"NUM_STREAMS": "2", "PERFORMANCE_HINT": "LATENCY"})
    assert [device for device, _ in core.was_set] == ["CPU", "AUTO"]
    assert "did you mean PERFORMANCE_HINT?" in refused("AUTO", PERFORMANCE_HIN="LATENCY")


def test_of_a_device_that_is_not_there_nothing_is_refused():
    check_properties("openvino-gpu-fp32", Core(), "GPU", {"ANY": "1"})


@pytest.mark.needs("openvino")
def test_the_runtime_tells_its_names_before_anything_is_built():
    from retinaface.engines.opening import check_named_options

    check_named_options("openvino-cpu-fp32", {"NUM_STREAMS": "2", "CACHE_DIR": "c"})
    check_named_options("openvino-auto-fp32", {"INFERENCE_NUM_THREADS": "2"})
    for name in ("openvino-cpu-fp32", "openvino-auto-fp32"):
        with pytest.raises(EngineUnavailable, match=r"unknown option 'NUM_STREAM'; .*NUM_STREAMS"):
            check_named_options(name, {"NUM_STREAM": "2"})
        with pytest.raises(EngineUnavailable, match=r"does not take NUM_STREAMS=many on CPU: "):
            check_named_options(name, {"NUM_STREAMS": "many"})
