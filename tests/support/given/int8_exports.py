"""Export to INT8 for tests."""

import functools

N = 4


def calibration(n=N):
    from retinaface.export.int8.calibration import CalibrationSet
    from retinaface.network.scenes import synthetic_inputs

    return CalibrationSet(synthetic_inputs(n, 3), tuple(f"{i:064x}" for i in range(n, 0, -1)))


def run_export(loaded, path, given=None, **options):
    from retinaface.export.exporter import export
    from retinaface.export.int8.options import Int8Options
    from retinaface.export.options import ExportOptions

    own = {k: options.pop(k) for k in ("method", "quantisation", "float_layers") if k in options}
    asked = ExportOptions(precision="int8", int8=Int8Options(**own), **options)
    return export(loaded, asked, path, calibration=given or calibration(), cases=_reference(loaded))


@functools.cache
def _reference(loaded):
    """Run torch once: it takes seconds."""
    from retinaface.network.scenes import synthetic_inputs
    from retinaface.reference.from_torch import torch_reference

    return torch_reference(loaded.model, {"scene": synthetic_inputs(2, 5)})


def outputs_of(model, images):
    import onnxruntime

    content = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": images})
