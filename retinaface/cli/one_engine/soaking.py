"""While a soak runs: how far it is, and Ctrl-C as its end."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from retinaface.cli.output.options import wants_progress

if TYPE_CHECKING:
    from retinaface.suite.soak.run import Plan, Soak


@contextlib.contextmanager
def until_interrupted() -> Iterator[Callable[[], bool]]:
    """Take the first Ctrl-C as the end of the run: a call that runs is left to end."""
    stopped = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def stop(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, before)  # a second one interrupts as ever
        stopped.set()

    if before is not signal.SIG_IGN:  # as a shell starts what runs behind it
        signal.signal(signal.SIGINT, stop)
    try:
        yield stopped.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def progress(plan: Plan) -> Iterator[Callable[[Soak], None]]:
    """Show on a terminal how far the run is, and its speed now."""
    from tqdm import tqdm

    by_time = plan.seconds is not None
    total = plan.seconds if by_time else plan.n_calls
    is_off = None if wants_progress() else True  # None: off where there is no terminal
    unit = "s" if by_time else "call"
    form = "{l_bar}{bar}| {n:.0f}/{total:.0f} {unit} [{elapsed}<{remaining}]{postfix}"
    with tqdm(
        total=total, unit=unit, leave=False, disable=is_off, bar_format=form, desc="soak"
    ) as bar:

        def show(one: Soak) -> None:
            sample = one.samples[-1]
            done = min(sample.at_s if by_time else one.n_calls, total or 0)
            bar.set_postfix_str(
                f"{one.n_calls} calls, {sample.call_s * 1e3:.3g} ms, {one.first.n_wrong} wrong",
                refresh=False,
            )
            bar.update(done - bar.n)

        yield show
