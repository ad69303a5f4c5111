"""Fields of an annotation's records, checked for type and range where the corpus comes in."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]
_LARGEST_ID = 2**63 - 1


class InWords(str):
    """What was found, told in our words and so without quotes."""

    def __repr__(self) -> str:
        return str(self)


class FieldError(ValueError):
    """A field that is not what the format says."""

    def __init__(self, field: str, expected: str, found: object) -> None:
        super().__init__(f"{field}: expected {expected}, got {brief(found)}")


def brief(value: object) -> str:
    """A short form of anything out of a file, safe to print."""
    text = repr(value).encode("unicode_escape").decode("ascii")
    return text if len(text) <= 60 else f"{text[:57]}..."


def whole(record: Record, field: str, *, least: int = 0) -> int:
    """A whole number of at least `least`; 3.0 counts, true does not."""
    value = record.get(field)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _LARGEST_ID:
        raise FieldError(field, f"a whole number from {least}", _found(record, field))
    return value


def unique_id(record: Any, seen: set[int]) -> int:
    """The record's id, which is added to `seen`.

    Raises:
        FieldError: no object, no id, or one that was seen before.
    """
    if not isinstance(record, dict):
        raise FieldError("record", "an object", record)
    key = whole(record, "id")
    if key in seen:
        raise FieldError("id", "an id of its own", key)
    seen.add(key)
    return key


def flag(record: Record, field: str) -> bool:
    """True, false, 0 or 1."""
    value = record.get(field)
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    raise FieldError(field, "0, 1, true or false", _found(record, field))


def real(record: Record, field: str) -> float:
    """A finite number."""
    value = record.get(field)
    if not is_number(value):
        raise FieldError(field, "a finite number", _found(record, field))
    return float(value)  # type: ignore[arg-type]


def reals(record: Record, field: str, count: int) -> list[float]:
    """A list of `count` finite numbers."""
    value = record.get(field)
    if not isinstance(value, list):
        raise FieldError(field, f"a list of {count} numbers", _found(record, field))
    if len(value) != count:
        raise FieldError(field, f"{count} numbers", InWords(f"{len(value)} values"))
    for place, number in enumerate(value):
        if not is_number(number):
            raise FieldError(f"{field}[{place}]", "a finite number", number)
    return [float(number) for number in value]


def box_xywh(record: Record, field: str) -> list[float]:
    """A box x, y, width, height with positive sides."""
    box = reals(record, field, 4)
    if min(box[2:]) <= 0:
        raise FieldError(field, "a positive width and height", box)
    return box


def is_number(value: object) -> bool:
    """Whether it is a finite number that fits in a float; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def records(document: Record, field: str) -> Sequence[Any]:
    """A list, whose entries are checked one by one later."""
    value = document.get(field)
    if not isinstance(value, list):
        raise FieldError(field, "a list", _found(document, field))
    return value


def _found(record: Record, field: str) -> object:
    return record[field] if field in record else InWords("nothing")
