"""Points in ignore regions."""

import numpy as np

from models.arrays import BoolArray, FloatArray
from tasks.formats.errors import ScoringError


def inside_any(source: str, spot: str, polygons: list[FloatArray], xy: FloatArray) -> BoolArray:
    """Which points (N, 2) lie strictly inside a polygon; outlines that cross themselves count even-odd.

    Raises:
        ScoringError: a polygon has one or two corners; without corners it is empty.
    """
    import shapely  # only files with regions need it, and it takes a while to import

    inside = np.zeros(len(xy), dtype=bool)
    for polygon in polygons:
        if len(polygon) in (1, 2):
            raise ScoringError(source, spot, "polygons of three corners or more", f"{len(polygon)}")
        if len(polygon):
            try:
                inside |= shapely.contains_xy(shapely.Polygon(polygon), xy)
            except (ValueError, shapely.errors.GEOSException) as error:
                raise ScoringError(source, spot, "a polygon", str(error).splitlines()[0]) from error
    return inside
