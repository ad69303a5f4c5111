"""Checked access to the records of a file: strict for what becomes tables, lenient where official tools are.

The strict functions raise FieldError for a value that the format does not allow. The lenient ones (`number`, `numbers`,
`list_of_records`) take what poseval takes, NaN and true among it, so that scores equal the official ones.
"""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from models.arrays import FloatArray
from tasks.formats.errors import FieldError, FormatError, InWords, shown

Record: TypeAlias = dict[str, Any]
_LARGEST_ID = 2**63 - 1
_LONGEST_NUMBER = 40
_FLAGS = {"true": True, "false": False}
_LARGEST_PX = 1e7
"""No picture is so large; a coordinate beyond it is no coordinate."""


def whole(record: Record, field: str, *, least: int = 0) -> int:
    """A whole number of at least `least`; 3.0 and "3" count, true does not."""
    value = as_number(record.get(field))
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
    """True, false, 0 or 1, also as text."""
    value = as_number(record.get(field))
    value = _FLAGS.get(value.lower(), value) if isinstance(value, str) else value
    if isinstance(value, bool) or (isinstance(value, int | float) and value in (0, 1)):
        return bool(value)
    raise FieldError(field, "0, 1, true or false", _found(record, field))


def real(record: Record, field: str) -> float:
    """A finite number."""
    value = as_number(record.get(field))
    if not is_number(value):
        raise FieldError(field, "a finite number", _found(record, field))
    return float(value)


def reals(record: Record, field: str, count: int) -> list[float]:
    """A list of `count` finite numbers."""
    value = record.get(field)
    if not isinstance(value, list):
        raise FieldError(field, f"a list of {count} numbers", _found(record, field))
    if len(value) != count:
        raise FieldError(field, f"{count} numbers", InWords(f"{len(value)} values"))
    numbers = [as_number(number) for number in value]
    for index, number in enumerate(numbers):
        if not is_number(number):
            raise FieldError(f"{field}[{index}]", "a finite number", value[index])
    return [float(number) for number in numbers]


def box_xywh(record: Record, field: str) -> list[float]:
    """A box x, y, width, height with positive sides, of a size that pictures can have."""
    box = reals(record, field, 4)
    if max(map(abs, box)) > _LARGEST_PX:
        raise FieldError(field, f"coordinates within {_LARGEST_PX:.0f} px", box)
    if min(box[2:]) <= 0:
        raise FieldError(field, "a positive width and height", box)
    return box


def has_key(record: Record, field: str) -> bool:
    """Whether a field holds a value that can name another record: a number or a text."""
    return isinstance(record.get(field), int | float | str)


def key_of(record: Record, field: str) -> Any:
    """What a field names another record by: 3, 3.0 and "3" are one key; None where it names none."""
    value = as_number(record[field]) if has_key(record, field) else None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_absent(record: Record, field: str) -> bool:
    """Whether an optional field is missing; null means the same."""
    return record.get(field) is None


def as_number(value: Any) -> Any:
    """The number that a text such as "3" or "0.5" says; every other value as it is."""
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


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


def person_category(categories: Any) -> Record | None:
    """The category person among several, each with a name of its own; None where there are no others."""
    entries = categories if isinstance(categories, list) else []
    named = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str)]
    persons = [entry for entry in named if is_person(entry)]
    return persons[0] if len(persons) == 1 and len(entries) == len(named) > 1 else None


def is_person(category: Record) -> bool:
    """Whether a category is the person by its name, in letters of any case."""
    return str(category.get("name")).strip().lower() == "person"


def names_person(record: Record) -> bool:
    """Whether a result is of category 1, which COCO gives to the person, also by its name."""
    return key_of(record, "category_id") in (1, "person")


def is_of(annotation: Record, category_id: Any) -> bool:
    """Whether an annotation is of the category, or names none."""
    annotated_id = annotation.get("category_id")
    return annotated_id is None or category_id is None or bool(as_number(annotated_id) == as_number(category_id))


def _found(record: Record, field: str) -> object:
    return record[field] if field in record else InWords("nothing")


def numbers(rows: Sequence[Any], width: int) -> FloatArray | None:
    """`rows` as (len(rows), width) floats, or None if any of them is not that many numbers."""
    if not len(rows):
        return np.empty((0, width))
    try:
        values = np.array(rows)
        if values.dtype.kind not in "biuf":
            values = _whole_numbers(values)
        return values.reshape(len(rows), width).astype(np.float64, copy=False)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def number(value: Any) -> float | None:
    """`value` as a float, or None if it is no number."""
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def first_bad(rows: Sequence[Any], width: int) -> int:
    """Index of the first row that is not `width` numbers."""
    return next(index for index, row in enumerate(rows) if numbers([row], width) is None)


def list_of_records(file: str, data: Any, field: str, *, where: str = "") -> list[Record]:
    """The list of objects under `field`.

    Raises:
        FormatError: it is missing or something else.
    """
    full = f"{where}, field {field}" if where else f"field {field}"
    if not isinstance(data, dict) or field not in data:
        raise FormatError(file, full, "a list of objects", "nothing" if isinstance(data, dict) else shown(data))
    value = data[field]
    if not isinstance(value, list):
        raise FormatError(file, full, "a list of objects", shown(value))
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise FormatError(file, f"{full}[{index}]", "an object", shown(entry))
    return value


def _whole_numbers(values: Any) -> Any:
    """Integers beyond 64 bits arrive as objects; text and null are refused."""
    if values.dtype.kind != "O" or not all(isinstance(value, int | float) for value in values.flat):
        raise TypeError
    return values.astype(np.float64)
