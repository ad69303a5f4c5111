"""Array types that the whole project shares; shapes and units stand in the docstring of whatever takes or gives one."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
Float32Array: TypeAlias = npt.NDArray[np.float32]
"""Where memory or a library asks for single precision: optical flow, embeddings, maps."""
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Picture: TypeAlias = npt.NDArray[np.uint8]
"""RGB (H,W,3), 0 to 255."""
