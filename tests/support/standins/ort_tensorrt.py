"""A stand-in for ONNX Runtime's TensorRT provider: a session on the CPU that says it is one.

What the engine asks of the provider is thereby seen; what TensorRT makes of it is not.
"""

from __future__ import annotations

from typing import Any

PROVIDER = "TensorrtExecutionProvider"


class Session:
    """A session on the CPU under another name."""

    def __init__(self, honest: Any) -> None:
        self._honest = honest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._honest, name)

    def get_providers(self) -> list[str]:
        return [PROVIDER]


class FakeOrtTensorRt:
    """What sessions on TensorRT were asked for.

    Attributes:
        asked: Options of the provider, of each session.
        elsewhere: Whether the profile says that the nodes ran on the CPU.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.elsewhere = False

    def install(self, monkeypatch: Any) -> FakeOrtTensorRt:
        """Stand in for the provider until the test ends."""
        from retinaface.engines.onnxruntime import cpu, cuda, tensorrt

        ort = cpu.ort
        honest, placement = ort.InferenceSession, cpu.placement_from_profile

        def session(*arguments: Any, providers: list[Any], **named: Any) -> Any:
            ((name, options),) = [p if isinstance(p, tuple) else (p, {}) for p in providers]
            opened = honest(*arguments, providers=["CPUExecutionProvider"], **named)
            if name != PROVIDER:
                return opened
            self.asked.append(options)
            return Session(opened)

        def placed(profile: list[dict[str, Any]], provider: str) -> dict[str, Any]:
            ran_on = PROVIDER if self.elsewhere else "CPUExecutionProvider"
            return {**placement(profile, ran_on), "provider": provider}

        monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")  # undone after the test, unlike prepare()
        monkeypatch.setattr(ort, "get_available_providers", lambda: [PROVIDER])
        monkeypatch.setattr(ort, "InferenceSession", session)
        monkeypatch.setattr(cpu, "placement_from_profile", placed)
        monkeypatch.setattr(cuda, "DeviceIO", _on_the_cpu)
        monkeypatch.setattr(tensorrt, "command_output", lambda *_: "NVIDIA Fake, 580")
        return self


def _on_the_cpu(session: Any, device: str, *types: Any, **named: Any) -> Any:
    from retinaface.engines.onnxruntime.device_memory import DeviceIO

    assert device == "cuda"
    return DeviceIO(session, "cpu", *types, **named)
