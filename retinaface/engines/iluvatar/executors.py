"""Run an engine file of IGIE: through Relay's graph executor, or through Relax's virtual machine.

Which of them a file is for shows in the file. The calls of the virtual machine are those of Apache
TVM 0.18 (`set_input`, `invoke_stateful`, `get_outputs`, `time_evaluator`); that the vendor's TVM
has them is assumed.
"""

from __future__ import annotations

import json
import statistics
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from retinaface.engines.iluvatar.igie_build import Toolchain
from retinaface.engines.staged import mean_seconds
from retinaface.network.config import INPUT_NAME

_MAIN = "main"  # the function of a Relax module
_STATEFUL = "invoke_stateful"


class Executor(ABC):
    """An open engine file.

    Attributes:
        title: Of the runtime, for the description.
        graph: The file's own graph; None where it shows none.
    """

    title: str
    graph: dict[str, Any] | None = None

    @abstractmethod
    def input_tensor(self) -> Any:
        """Give something with the shape and dtype of the input; None without one of its name."""

    @abstractmethod
    def set_input(self, tensor: Any) -> None:
        """Set the input."""

    @abstractmethod
    def run(self) -> None:
        """Start a run; it may return before the device is done."""

    @abstractmethod
    def outputs(self) -> list[Any]:
        """Give all outputs on the device; the next run overwrites them."""

    @abstractmethod
    def evaluator(self, n: int) -> Any:
        """Give TVM's own clock over n runs, to be called for its result; None without one."""


class GraphExecutor(Executor):
    """A file that Relay built."""

    title = "tvm graph_executor"

    def __init__(self, chain: Toolchain, library: Any, make: Any) -> None:
        self._device = chain.device
        self._module = chain.graph_executor.GraphModule(make(chain.device))
        try:
            self.graph = json.loads(library["get_graph_json"]())
        except AttributeError:  # TVM's error for a missing function
            self.graph = None

    def input_tensor(self) -> Any:
        """See `Executor`."""
        return self._module.get_input(INPUT_NAME)

    def set_input(self, tensor: Any) -> None:
        """See `Executor`."""
        self._module.set_input(INPUT_NAME, tensor)

    def run(self) -> None:
        """See `Executor`."""
        self._module.run()

    def outputs(self) -> list[Any]:
        """See `Executor`."""
        return [self._module.get_output(i) for i in range(int(self._module.get_num_outputs()))]

    def evaluator(self, n: int) -> Any:
        """See `Executor`."""
        make = getattr(getattr(self._module, "module", None), "time_evaluator", None)
        return make and make("run", self._device, number=n, repeat=1)


class RelaxExecutor(Executor):
    """A file that Relax built; it does not show its input, so the shape is the expected one."""

    title = "tvm relax.VirtualMachine"

    def __init__(self, chain: Toolchain, library: Any, expected: Any) -> None:
        self._device, self._expected = chain.device, expected
        self._machine = chain.relax.VirtualMachine(library, chain.device)

    def input_tensor(self) -> Any:
        """See `Executor`."""
        return self._expected

    def set_input(self, tensor: Any) -> None:
        """See `Executor`."""
        self._machine.set_input(_MAIN, tensor)

    def run(self) -> None:
        """See `Executor`."""
        self._machine.invoke_stateful(_MAIN)

    def outputs(self) -> list[Any]:
        """See `Executor`."""
        return list(self._machine.get_outputs(_MAIN))

    def evaluator(self, n: int) -> Any:
        """See `Executor`."""
        make = getattr(self._machine, "time_evaluator", None)
        if make is None:
            return None
        timed = make(_STATEFUL, self._device, number=n, repeat=1)
        return lambda: timed(_MAIN)


def open_executor(chain: Toolchain, file: Path, expected: Any) -> Executor:
    """Load an engine file with the runtime that it is for.

    Args:
        expected: Has the shape and dtype of the input, for a file that does not show them.

    Raises:
        AttributeError: The file is for neither runtime of this TVM.
    """
    library = chain.tvm.runtime.load_module(str(file))
    try:
        make = library["default"]  # TVM raises AttributeError for a missing function
    except AttributeError:
        if chain.relax is None:
            raise
        return RelaxExecutor(chain, library, expected)
    return GraphExecutor(chain, library, make)


def mean_run_s(executor: Executor, device: Any, n: int) -> float:
    """Time n runs back to back, without copies and with one wait at the end, as the vendor does.

    TVM's clock makes one call before those it counts. Without it ours does the same.

    Returns:
        Seconds of one run, on average.
    """
    if (evaluate := executor.evaluator(n)) is not None:
        return statistics.fmean(evaluate().results)
    executor.run()
    device.sync()
    return mean_seconds(executor.run, n, device.sync)
