"""Boxes at quarter pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

# Exact in float32, so that the fast and the slow form round alike.
QUARTERS = st.integers(0, 400).map(lambda q: q / 4)


@st.composite
def boxes_xyxy(draw: st.DrawFn, max_size: int = 40) -> np.ndarray:
    """Make (N, 4) float32 boxes, x1 <= x2 and y1 <= y2."""
    n = draw(st.integers(0, max_size))
    corners = draw(arrays(np.float32, (n, 2, 2), elements=QUARTERS))
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
