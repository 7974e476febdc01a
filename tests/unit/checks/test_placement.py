import pytest

from retinaface.checks.placement import accelerators, placement_problems

ON_CPU = {
    "name": "acme-cpu-fp32",
    "device": "cpu",
    "precision": "fp32",
    "runtime": "acme 2.1",
    "placement": {"provider": "CPUExecutionProvider", "fallback": []},
}
ON_CUDA = ON_CPU | {
    "device": "cuda",
    "placement": {"provider": "CUDAExecutionProvider", "fallback": []},
}


def placed(described, provider, **more):
    return described | {"placement": {"provider": provider, "fallback": []} | more}


@pytest.mark.parametrize(
    "provider",
    ["CPUExecutionProvider", "OpenVINO CPU", "torch cpu", "tvm on cpu(0)", "ncnn CPU", "acme",
     "XnnpackExecutionProvider", "cv2.dnn, new engine, on the CPU", "inductor on cpu"],
)  # fmt: skip
def test_an_engine_on_the_cpu_under_a_cpu_name_has_no_problem(provider):
    assert placement_problems("cpu", "fp32", placed(ON_CPU, provider)) == []


@pytest.mark.parametrize(
    ("provider", "word"),
    [
        ("CUDAExecutionProvider", "cuda"),
        ("TensorrtExecutionProvider", "tensorrt"),
        ("NvTensorRTRTXExecutionProvider", "nvtensorrtrtx"),
        ("DmlExecutionProvider", "dml"),
        ("ROCMExecutionProvider", "rocm"),
        ("CoreMLExecutionProvider", "coreml"),
        ("QNNExecutionProvider", "qnn"),
        ("OpenVINO GPU.1", "gpu"),
        ("OpenVINO GPU, CPU", "gpu"),
        ("torch cuda:0", "cuda"),
        ("tvm graph_executor on iluvatar(0)", "iluvatar"),
        ("ncnn Vulkan", "vulkan"),
        ("WebGPU_Buf", "webgpu"),
        ("inductor on mps", "mps"),
    ],
)
def test_an_accelerator_under_a_cpu_name_is_a_problem(provider, word):
    assert word in accelerators(provider)
    (problem,) = placement_problems("cpu", "fp32", placed(ON_CPU, provider))
    assert problem.startswith(f"the graph ran on {provider} (")
    assert problem.endswith("not on the CPU")


def test_a_cpu_under_the_name_of_a_device_is_a_problem():
    (problem,) = placement_problems("cuda", "fp32", placed(ON_CUDA, "CPUExecutionProvider"))
    assert problem == "the graph ran on CPUExecutionProvider, not on cuda"
    assert placement_problems("cuda", "fp32", ON_CUDA) == []


def test_a_device_must_prove_that_no_node_fell_back():
    without = ON_CUDA | {"placement": {"provider": "CUDAExecutionProvider"}}
    (problem,) = placement_problems("cuda", "fp32", without)
    assert "no proof of placement" in problem
    fallen = placed(ON_CUDA, "CUDAExecutionProvider", fallback=["Resize_1", "Softmax_2"])
    (problem,) = placement_problems("cuda", "fp32", fallen)
    assert problem == "2 nodes ran elsewhere: Resize_1, Softmax_2"


@pytest.mark.parametrize("key", ["name", "device", "precision", "runtime", "placement"])
def test_what_a_description_leaves_out_is_named(key):
    problems = placement_problems("cpu", "fp32", {k: v for k, v in ON_CPU.items() if k != key})
    assert len(problems) == 1
    assert key in problems[0]


def test_another_device_or_precision_than_the_name_says_is_a_problem():
    problems = placement_problems("cpu", "fp16", ON_CUDA)
    assert problems[:2] == [
        "device is cuda, the name says cpu",
        "precision is fp32, the name says fp16",
    ]


def test_auto_leaves_the_choice_to_the_runtime():
    for provider in ("OpenVINO GPU", "OpenVINO CPU"):
        described = placed(ON_CPU, provider) | {"device": "auto"}
        assert placement_problems("auto", "fp32", described) == []
