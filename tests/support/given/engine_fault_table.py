"""The faults of `faulty_engines`, each with the test that must be red, and its words."""

from __future__ import annotations

MODULE = "tests.support.given.faulty_engines"
VALUES, TIMES, PLACE = "noise and b3-", "network and b8", "test_placement"
# All of them, for an engine without a fault.
SELECTION = f"({VALUES}) or {PLACE} or ({TIMES})"
WRONG_VALUES = "error against float64 torch"
# The test that must be red, and words of its message.
FAULTS = {
    "nan_in_one_output_cpu_fp32": (VALUES, "nan"),
    "constant_scores_cpu_fp32": (VALUES, WRONG_VALUES),
    "swapped_landmarks_cpu_fp32": (VALUES, "landmarks: error against"),
    "neighbours_landmarks_cpu_fp32": (VALUES, "landmarks: error against"),
    "reversed_batch_cpu_fp32": (VALUES, WRONG_VALUES),
    "rgb_for_bgr_cpu_fp32": (VALUES, WRONG_VALUES),
    "scaled_input_cpu_fp32": (VALUES, WRONG_VALUES),
    "cached_by_shape_cpu_fp32": (TIMES, "timed calls gave wrong outputs"),
    "cached_by_address_cpu_fp32": (TIMES, "timed calls gave wrong outputs"),
    "skips_work_cpu_fp32": (TIMES, "timed calls gave wrong outputs"),
    "alternates_calls_cpu_fp32": (TIMES, "timed calls gave wrong outputs"),
    "drops_tail_cpu_fp32": ("noise and b32", WRONG_VALUES),
    "lower_scores_cpu_fp32": (VALUES, "conf log-odds: error against"),
    "lower_scores_cpu_fp16": (VALUES, "conf log-odds: error against"),
    "swapped_landmarks_cpu_fp16": (VALUES, "landmarks: error against"),
    "unfolded_cpu_fp16": (VALUES, "conf log-odds: error against"),
    "background_alone_cpu_fp32": (VALUES, "conf log-odds: error against"),
    "background_alone_cpu_fp16": (VALUES, "background and face add up to 1 within 0.01"),
    "unnormalized_scores_cpu_fp32": (VALUES, "background and face add up to 1 within 0.01"),
    "unnormalized_scores_cpu_fp16": (VALUES, "background and face add up to 1 within 0.01"),
    "runs_on_cuda_cpu_fp32": (PLACE, "ran on CUDAExecutionProvider (cuda), not on the CPU"),
    "raises_cpu_fp32": (SELECTION, "RuntimeError: out of memory"),
    "fallen_back_cuda_fp32": (PLACE, "device is cpu, the name says cuda"),
    "lying_placement_cuda_fp32": (PLACE, "no proof of placement"),
}
HONEST = ("wrapped_cpu_fp32", "wrapped_cpu_fp16", "noisy_by_a_millionth_cpu_fp32")
