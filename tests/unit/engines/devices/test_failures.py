"""Failures of CUDA are told from those of a file, in the words of each runtime."""

import pytest

from retinaface.engines.devices.failures import device_failure

ONNX_RUNTIME = (
    "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:129 std::conditional_t<THRW, "
    "void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, "
    "SUCCTYPE, const char*, const char*, int) [with ERRTYPE = cudaError; bool THRW = true] CUDA "
    "failure {} ; GPU=-1 ; hostname=box ; file=/onnxruntime_src/x.cc ; expr=cudaSetDevice(id_);"
)


@pytest.mark.parametrize(
    ("text", "what", "step"),
    [
        (ONNX_RUNTIME.format("35: CUDA driver version is insufficient for CUDA runtime version"),
         "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version",
         "the driver is missing, or older"),
        (ONNX_RUNTIME.format("100: no CUDA-capable device is detected"),
         "CUDA failure 100: no CUDA-capable device is detected", "no device is in sight"),
        (ONNX_RUNTIME.format("2: out of memory"), "CUDA failure 2: out of memory",
         "the device's memory is full: use a smaller --batch"),
        ("CUDNN failure 1: CUDNN_STATUS_NOT_INITIALIZED ; GPU=0",
         "CUDNN failure 1: CUDNN_STATUS_NOT_INITIALIZED", "driver and device"),
        ("CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors",
         "CUDA error: no kernel image is available for execution on the device",
         "check driver and device"),
        ("CUDA out of memory. CUDA error: out of memory", "CUDA error: out of memory",
         "memory is full"),
        ("cuda runtime error (35) : CUDA driver version is insufficient",
         "cuda runtime error (35) : CUDA driver version is insufficient", "the driver is missing"),
        ("Found no NVIDIA driver on your system. Please check", "Found no NVIDIA driver on your "
         "system", "the driver is missing"),
        ("CUDA initialization failure with error: 35. Please check your CUDA installation",
         "CUDA initialization failure with error: 35", "the driver is missing"),
        ("cudaGetDeviceCount gave cudaErrorNoDevice (none)", "cudaErrorNoDevice", "no device is"),
    ],
    ids=["ort-35", "ort-100", "ort-2", "cudnn", "torch", "torch-memory", "torch-old",
         "torch-driver", "tensorrt", "cuda-python"],
)  # fmt: skip
def test_a_failure_is_given_without_sources_and_with_what_to_check(text, what, step):
    found = device_failure(RuntimeError(text))
    assert found is not None
    assert found.what.startswith(what)
    assert "hostname" not in found.what
    assert "onnxruntime_src" not in found.what
    assert step in found.next_step
    assert "nvidia-smi" in found.next_step


@pytest.mark.parametrize(
    "text",
    [
        "Load model from m.onnx failed: Protobuf parsing failed.",
        "Fatal error: acme:Magic(-1) is not a registered function/op",
        "Unsupported model IR version: 14, max supported IR version: 13",
        "CUDAExecutionProvider is not in available providers",
        "libcublasLt.so.13: cannot open shared object file",
    ],
)
def test_other_errors_are_left_alone(text):
    assert device_failure(RuntimeError(text)) is None
