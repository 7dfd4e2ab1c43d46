# SPDX-License-Identifier: Apache-2.0
"""Reference networks, each defined once and written as ONNX, as PyTorch, or run in numpy."""

# Importing the operators fills the list that a builder offers.
from . import anchors, moves, pointwise  # noqa: F401
