"""Export to INT8 for the tests of this folder."""

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
    return export(loaded, asked, path, calibration=given or calibration())


def outputs_of(model, images):
    import onnxruntime

    content = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": images})
