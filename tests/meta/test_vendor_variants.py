"""Two commands, `build` and `validate`, run through on the SDK in every form that it may have."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from retinaface.environment import n_usable_cpus
from tests.support.standins.container import Container
from tests.support.standins.variants import IGIE, IXRT, NEWER, OLDER, VARIABLE

pytestmark = [
    pytest.mark.needs("torch", "onnx", "onnxsim", "onnxruntime", "onnxconverter_common"),
    pytest.mark.alone,
]
FORMS = [*(("igie", form) for form in IGIE), *(("ixrt", form) for form in IXRT)]
# Placement, and AP of all pictures; of the forms that change all at once some of the contract too.
FEW = "placement or test_ap_is_that"
MORE = f"{FEW} or closed or describe_says"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run both commands in a container for each form, as many at a time as there are processors."""
    exporter = Container(tmp_path_factory.mktemp("exporter"))
    exporter.run("retinaface export --weights embedded --output retinaface.onnx")
    files = list(exporter.checkout.glob("retinaface.*"))

    def build_and_validate(runtime, form):
        container = Container(tmp_path_factory.mktemp(form), **{VARIABLE: form})
        for file in files:
            shutil.copy(file, container.checkout)
        common = f"--engine {runtime}-iluvatar-fp16 --model retinaface.onnx"
        built = container.run(f"retinaface build {common} --batch 8 --output built.so")
        chosen = MORE if form in (OLDER, NEWER) else FEW
        judged = container.run(
            f"retinaface validate {common} --engine-file built.so --pipeline {runtime} "
            f"--record first -k '{chosen}'"
        )
        shutil.rmtree(container.checkout)
        return built, judged

    with ThreadPoolExecutor(n_usable_cpus()) as pool:
        started = {pair: pool.submit(build_and_validate, *pair) for pair in FORMS}
        try:
            yield lambda *pair: started[pair].result()
        finally:
            pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("runtime", "form"), FORMS, ids=map("-".join, FORMS))
def test_a_file_is_built_and_passes(runs, runtime, form):
    built, judged = runs(runtime, form)
    assert built.startswith(f"built.so: {runtime}-iluvatar-fp16, batch 8, by {runtime} ")
    assert "placement: 1 PASS" in judged
    assert "widerface_ap: 1 PASS" in judged
    assert judged.endswith("VERDICT: PASS (embedded set)\n")
