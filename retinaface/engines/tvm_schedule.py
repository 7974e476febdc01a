"""The order of loops that TVM compiles for a processor. Without one it computes pixel by pixel.

TVM expects its user to search for a schedule, which takes hours. This is one that anybody would
write first: rows in parallel, reductions outside the pixels of a row, these in vectors.
"""

from __future__ import annotations

import importlib
from typing import Any

# Pixels of a row that are computed at a time: the first of these that divides it.
_WIDTHS = (32, 16, 20, 10, 8, 4, 5, 2, 1)
_CHUNK, _VECTOR = 64, 16  # of what has no reductions: for one thread, and at a time
_SPATIAL, _REDUCTION = 0, 2  # kinds of axes, as TVM numbers them


def with_cpu_loops(module: Any) -> Any:
    """Put the loops of every function in order; one that TVM does not let be changed stays.

    Args:
        module: Legalized and fused.
    """
    dlight: Any = importlib.import_module("tvm.s_tir.dlight")
    schedules: Any = importlib.import_module("tvm.s_tir")

    class CpuLoops(dlight.ScheduleRule):  # type: ignore[misc]  # its base is known at run time alone
        def apply(self, func: Any, _target: Any, _tunable: bool) -> Any:
            schedule = schedules.Schedule(func)
            for block in schedule.get_child_blocks(schedule.get_sblock("root")):
                _order(schedule, block)
            return schedule

    return dlight.ApplyDefaultSchedule(CpuLoops())(module)


def _order(schedule: Any, block: Any) -> None:
    loops = schedule.get_loops(block)
    kinds = [int(axis.iter_type) for axis in schedule.get(block).iter_vars]
    if len(loops) != len(kinds):  # some loop is of no axis
        return
    spatial = [loop for loop, kind in zip(loops, kinds, strict=True) if kind == _SPATIAL]
    reduced = [loop for loop, kind in zip(loops, kinds, strict=True) if kind == _REDUCTION]
    if not spatial:
        return
    if not reduced:
        outer, _, inner = schedule.split(schedule.fuse(*spatial), [None, _CHUNK, _VECTOR])
        schedule.parallel(outer)
        schedule.vectorize(inner)
        return
    *rows, row = spatial
    extent = int(schedule.get(row).extent)
    width = next(width for width in _WIDTHS if extent % width == 0)
    part, pixels = schedule.split(row, [None, width])
    schedule.reorder(*rows, part, *reduced, pixels)
    if rows:
        schedule.parallel(schedule.fuse(*rows))
    schedule.vectorize(pixels)
    start = schedule.decompose_reduction(block, reduced[0])
    schedule.vectorize(schedule.get_loops(start)[-1])
