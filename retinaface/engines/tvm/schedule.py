"""Order the loops that TVM compiles for a processor; without an order it computes value by value.

TVM expects its user to search for a schedule, which takes hours. These are the two schedules that
its own searches end near: a convolution keeps the sums of a few pixels of a row times a vector of
channels in registers, and everything else follows its memory. Channels come last
(`CHANNELS_LAST`), so vectors are contiguous in the input, the weights and the output.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any

CHANNELS_LAST = {"relax.nn.conv2d": ["NHWC", "HWIO"]}
# The first of these numbers that divides an axis counts. 16 channels of a pixel fill one of the 32
# registers of AVX-512, or two of the 16 registers of AVX2, where 8 pixels were a quarter slower
# than 4.
_CHANNELS = (16, 20, 8, 4, 2, 1)
_PIXELS = (4, 5, 2, 1)
_PIXELS_WIDE = (8, 10, *_PIXELS)
_WIDTHS = (32, 16, 20, 10, 8, 4, 5, 2, 1)  # pixels of a row, for reductions other than convolutions
_CHUNK, _VECTOR = 64, 16  # without reductions: values for one thread, and at a time
_SPATIAL, _REDUCTION = 0, 2  # TVM's numbers for kinds of axes
_CONVOLUTION = [_SPATIAL] * 4 + [_REDUCTION] * 3


def with_cpu_loops(module: Any, *, is_wide: bool) -> Any:
    """Order the loops of every function, except those that TVM does not allow to change.

    Args:
        module: A legalized and fused module.
        is_wide: Whether the processor has 32 registers of 64 bytes.
    """
    order = functools.partial(_order_convolution, n_pixels=_PIXELS_WIDE if is_wide else _PIXELS)
    dlight: Any = importlib.import_module("tvm.s_tir.dlight")
    schedules: Any = importlib.import_module("tvm.s_tir.schedule")

    class CpuLoops(dlight.ScheduleRule):  # type: ignore[misc]  # its base is known only at run time
        def apply(self, func: Any, _target: Any, _tunable: bool) -> Any:
            try:
                return _apply_order(schedules.Schedule(func), order)
            except schedules.ScheduleError:  # a fused step is not value by value
                return _apply_order(schedules.Schedule(func), _order_each)

    return dlight.ApplyDefaultSchedule(CpuLoops())(module)


def _apply_order(schedule: Any, order: Any) -> Any:
    order(schedule, schedule.get_child_blocks(schedule.get_sblock("root")))
    return schedule


def _order_convolution(schedule: Any, blocks: Sequence[Any], n_pixels: Sequence[int]) -> None:
    """Order a convolution, the padding before it and the value-by-value steps after it."""
    places = [i for i, block in enumerate(blocks) if _REDUCTION in _kinds(schedule, block)]
    if len(places) != 1 or _kinds(schedule, blocks[places[0]]) != _CONVOLUTION:
        _order_each(schedule, blocks)
        return
    (place,) = places
    block, after = blocks[place], blocks[place + 1 :]
    kernel = [_extent(schedule, loop) for loop in schedule.get_loops(block)[-3:-1]]
    for padding in blocks[:place]:
        if kernel == [1, 1]:  # no padding
            schedule.compute_inline(padding)
        else:
            _order_block(schedule, padding)
    for step in after[:-1]:
        schedule.compute_inline(step)
    last = after[-1] if after else schedule.cache_write(block, 0, "global")
    _order_tiles(schedule, block, last, n_pixels)


def _order_tiles(schedule: Any, block: Any, last: Any, n_pixels: Sequence[int]) -> None:
    """Compute a tile of a convolution in registers, then the steps after it; rows in parallel."""
    batch, row, column, channel = schedule.get_loops(last)
    column, pixels = schedule.split(column, [None, _divisor(schedule, column, n_pixels)])
    channel, vector = schedule.split(channel, [None, _divisor(schedule, channel, _CHANNELS)])
    schedule.reorder(batch, row, column, channel, pixels, vector)
    schedule.parallel(schedule.fuse(batch, row))
    schedule.unroll(pixels)
    schedule.vectorize(vector)
    schedule.compute_at(block, channel, preserve_unit_loops=True)
    *_, pixels, vector, kernel_row, kernel_column, depth = schedule.get_loops(block)
    schedule.reorder(kernel_row, kernel_column, depth, pixels, vector)
    schedule.unroll(pixels)
    schedule.vectorize(vector)
    *_, pixels, vector = schedule.get_loops(schedule.decompose_reduction(block, kernel_row))
    schedule.unroll(pixels)
    schedule.vectorize(vector)


def _order_each(schedule: Any, blocks: Sequence[Any]) -> None:
    for block in blocks:
        _order_block(schedule, block)


def _order_block(schedule: Any, block: Any) -> None:
    """Follow the memory if there is no reduction; else rows in parallel and pixels innermost."""
    loops, kinds = schedule.get_loops(block), _kinds(schedule, block)
    if len(loops) != len(kinds):  # a loop belongs to no axis
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
    part, pixels = schedule.split(row, [None, _divisor(schedule, row, _WIDTHS)])
    schedule.reorder(*rows, part, *reduced, pixels)
    if rows:
        schedule.parallel(schedule.fuse(*rows))
    schedule.vectorize(pixels)
    start = schedule.decompose_reduction(block, reduced[0])
    schedule.vectorize(schedule.get_loops(start)[-1])


def _kinds(schedule: Any, block: Any) -> list[int]:
    return [int(axis.iter_type) for axis in schedule.get(block).iter_vars]


def _extent(schedule: Any, loop: Any) -> int:
    return int(schedule.get(loop).extent)


def _divisor(schedule: Any, loop: Any, choices: Sequence[int]) -> int:
    extent = _extent(schedule, loop)
    return next(choice for choice in choices if extent % choice == 0)
