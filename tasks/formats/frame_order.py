"""The only code that decides which file, and which row of a box file, is which frame of a video."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import PurePosixPath
from string import hexdigits
from typing import Final, TypeAlias

_DIGITS: Final = re.compile(r"(\d+)")  # of any script, which int reads too; superscripts are none
_DECIMALS: Final = re.compile(r"(\d+(?:\.\d+)?)")
_HASH: Final = re.compile(r"[0-9a-f]{8}((-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]*)(?![0-9a-z])", re.IGNORECASE)
"""Hexadecimal digits that name a content, or a UUID."""
_COPY: Final = re.compile(r"(.*\d) ?\(\d+\)")
"""How browsers and file managers name the second file of a name with a number."""
_SHOWN: Final = 3
_Parts: TypeAlias = tuple[str, ...]
"""A name cut at its numbers: text, number, text, number, ..., text."""


class FrameOrderError(ValueError):
    """Two readings of the order of frames, or of their numbers, differ; the message shows both."""


def frame_order(names: Iterable[str]) -> list[str]:
    """File names in the order of the video's frames.

    If a number of the names counts in equal steps, it gives the order: by its place among the numbers, else the last
    one, else one in hexadecimal digits of one length. Else natural order does, in which numbers compare by value.
    Names may have folders and endings, which take no part, nor do hashes that they begin with.

    Raises:
        FrameOrderError: two numbers count in equal steps and their orders differ, or one number begins again where
            an earlier one changes, as seconds do after a minute, and natural order differs; numbers are whole or
            decimal and these orders differ; names count two series, such as pictures and their masks; or names are
            nothing but hashes.
    """
    stems = _stems(list(names))
    if len(stems) > 1 and not any(stems.values()):
        raise FrameOrderError(f"expected names that tell the order of frames, got hashes: {shown_names(list(stems))}")
    parts = {name: _parts(stem) for name, stem in stems.items()}
    _require_one_series(parts)
    natural = sorted(parts, key=lambda name: (_natural(parts[name]), name))
    readings = {
        f"number {column + 1}": sorted(parts, key=lambda name: _number(parts[name], column))
        for column in _stepping_columns(list(parts.values()))
    }
    if not readings and (counted := _last_numbers(list(parts.values())) or _hexadecimal_numbers(parts)):
        return [name for _, name in sorted(zip(counted, parts, strict=True))]
    orders = list(readings.values())
    if not orders:
        readings = {"whole numbers": natural, "decimal numbers": sorted(parts, key=lambda name: _decimal(stems[name]))}
        orders = list(readings.values())
    elif natural in orders:
        pass
    elif any(_begins_again(parts, order, natural) for order in orders):
        readings["natural order"] = natural
        orders.append(natural)
    if any(order != orders[0] for order in orders):
        shown = "; ".join(f"by {reading}: {shown_names(order)}" for reading, order in readings.items())
        raise FrameOrderError(f"expected names with one number that counts the frames, got two readings: {shown}")
    return orders[0]


def frame_numbers(names: Sequence[str]) -> list[int] | None:
    """The number in each name, given in order, that ascends with the frames; None where there is not exactly one."""
    parts = [_parts(stem) for stem in _stems(names).values()]
    columns = [
        column
        for column in _shared_columns(parts)
        if all(_number(before, column) < _number(after, column) for before, after in pairwise(parts))
    ]
    last = _last_numbers(parts)
    if last is not None and not _stepping_columns(parts) and sorted(last) == last:
        return last
    stepping = [column for column in columns if column in _stepping_columns(parts)] or columns
    readings = {tuple(_number(name_parts, column) for name_parts in parts) for column in stepping}
    return list(readings.pop()) if len(readings) == 1 else None


def without_foreign(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of frames, and those of pictures that have no number although most of the others have one."""
    foreign = [name for name in names if len(_parts(PurePosixPath(name).stem)) == 1]
    if 2 * len(foreign) >= len(names):
        return list(names), []
    return [name for name in names if name not in set(foreign)], foreign


@dataclass(frozen=True)
class BoxFrames:
    """How the frame numbers of a box file are read."""

    index: Mapping[int, int]
    """Frame index of each number that is a frame; a row with another number is outside the video."""
    reading: str
    """One sentence for the user; empty for the usual reading: frames counted from 1."""


def box_frames(used: Iterable[int], count: int, numbers: Sequence[int] | None) -> BoxFrames:
    """Match the frame numbers of a box file to a video of `count` frames.

    Numbers count the frames from 1, or from 0, or are those in the names of the pictures: the reading that fits all
    rows. If none does, they count from 1, and rows beyond the video are left to the caller.

    Args:
        used: frame numbers of the file's rows.
        count: frames of the video.
        numbers: the number in each picture's name, in order of frames; None for a video file.

    Raises:
        FrameOrderError: two readings fit all rows and put a box on different frames, or the file counts from 0 and
            has rows beyond the video.
    """
    wanted = set(used)
    readings = {
        "frames counted from 1": {index + 1: index for index in range(count)},
        "frames counted from 0": {index: index for index in range(count)} if 0 in wanted else {},
        "the numbers in the pictures' names": {number: index for index, number in enumerate(numbers or ())},
    }
    fitting = {name: index for name, index in readings.items() if index and wanted <= index.keys()}
    different = {tuple(index[number] for number in sorted(wanted)) for index in fitting.values()}
    if len(different) > 1:
        first = min(wanted)
        shown = "; ".join(f"as {name} row {first} is frame {index[first] + 1}" for name, index in fitting.items())
        raise FrameOrderError(f"expected frame numbers with one reading, got two that fit all rows: {shown}")
    usual, *others = readings
    if usual in fitting or (not fitting and 0 not in wanted):
        return BoxFrames(readings[usual], "")
    if not fitting:
        raise FrameOrderError(
            f"expected frames from 1 to {count}, or from 0 to {count - 1}, got frames {min(wanted)} to {max(wanted)}"
        )
    name = next(other for other in others if other in fitting)
    return BoxFrames(fitting[name], f"frame numbers are read as {name}")


def _stems(names: Sequence[str]) -> dict[str, str]:
    """Names without folders and endings, and without the hashes that all of them begin with, each with another."""
    stems = {name: PurePosixPath(name).stem for name in names}
    hashes = [match[0] for stem in stems.values() if (match := _HASH.match(stem))]
    are_hashes = len(set(hashes)) == len(stems) and len(set(map(len, hashes))) == 1
    are_counters = len({text[0] for text in hashes}) < 2
    if not are_hashes or are_counters or 2 * sum(text.isdigit() for text in hashes) > len(hashes):
        return stems
    return {name: stem[len(hashes[0]) :] for name, stem in stems.items()}


def _parts(stem: str) -> _Parts:
    return tuple(_DIGITS.split(stem))


def _number(parts: _Parts, column: int) -> int:
    return int(parts[2 * column + 1])


def _natural(parts: _Parts) -> tuple[tuple[int, str] | tuple[int, int], ...]:
    """A key in which numbers compare by value and stand before text."""
    return tuple((0, int(part)) if at % 2 else (1, part) for at, part in enumerate(parts) if part)


def _decimal(stem: str) -> tuple[tuple[tuple[int, str] | tuple[int, Decimal], ...], str]:
    """The natural key with 0.25 as one number."""
    parts = _DECIMALS.split(stem)
    return tuple((0, Decimal(part)) if at % 2 else (1, part) for at, part in enumerate(parts) if part), stem


def _require_one_series(all_parts: Mapping[str, _Parts]) -> None:
    """Refuse names of which two have the same numbers, one of them the same text as others.

    Such are pictures and their masks, one picture with two endings, and a copy beside the picture.
    """
    by_stem = {PurePosixPath(name).stem: name for name in all_parts}
    for stem, name in by_stem.items():
        if (match := _COPY.fullmatch(stem)) and match[1] in by_stem:
            raise _two_series(by_stem[match[1]], name)
    by_text: dict[_Parts, list[str]] = defaultdict(list)
    for name, parts in all_parts.items():
        by_text[parts[::2]].append(name)
    series = [names for names in by_text.values() if len(names) > 1]
    first_of: dict[tuple[int, ...], str] = {}
    in_series = {name for names in series for name in names}
    for name in sorted(in_series) + sorted(name for name, parts in all_parts.items() if len(parts) > 1):
        other = first_of.setdefault(tuple(map(int, all_parts[name][1::2])), name)
        if other != name and in_series & {other, name}:
            raise _two_series(other, name)


def _two_series(*names: str) -> FrameOrderError:
    pair = " and ".join(PurePosixPath(name).name for name in names)
    return FrameOrderError(f"expected one picture for each frame, got two series, with {pair}; move one away")


def _shared_columns(all_parts: Sequence[_Parts]) -> list[int]:
    """Numbers that every name has."""
    return list(range(min((len(parts) // 2 for parts in all_parts), default=0)))


def _stepping_columns(all_parts: Sequence[_Parts]) -> list[int]:
    """Numbers that every name has and that count in equal steps."""
    return [column for column in _shared_columns(all_parts) if _is_even(_number(parts, column) for parts in all_parts)]


def _last_numbers(all_parts: Sequence[_Parts]) -> list[int] | None:
    """The last number of each name, where they count in equal steps and the same text follows; hashes may precede."""
    if any(len(parts) == 1 for parts in all_parts) or len({parts[-1] for parts in all_parts}) > 1:
        return None
    numbers = [int(parts[-2]) for parts in all_parts]
    return numbers if _is_even(numbers) else None


def _hexadecimal_numbers(names: Iterable[str]) -> list[int] | None:
    """What the differing ends of names count in hexadecimal digits of one length, as f000a after f0009; else None."""
    stems = [PurePosixPath(name).stem for name in names]
    start = next((at for at, letters in enumerate(zip(*stems, strict=False)) if len(set(letters)) > 1), 0)
    while start and stems[0][start - 1] in hexdigits:
        start -= 1
    ends = [stem[start:] for stem in stems]
    if len({len(end) for end in ends}) > 1 or not all(end and set(end) <= set(hexdigits) for end in ends):
        return None
    numbers = [int(end, 16) for end in ends]
    return numbers if _is_even(numbers) else None


def _is_even(numbers: Iterable[int]) -> bool:
    ascending = sorted(numbers)
    steps = {after - before for before, after in pairwise(ascending)}
    return len(steps) == 1 and steps.pop() > 0


def _begins_again(parts: Mapping[str, _Parts], order: Sequence[str], natural: Sequence[str]) -> bool:
    """Whether the stepping order is, in natural order, a few runs one after the other: as seconds after a minute."""
    position = {name: index for index, name in enumerate(order)}
    breaks = sum(position[after] != position[before] + 1 for before, after in pairwise(natural))
    return breaks == 1 and len(parts) > _SHOWN


def shown_names(names: Sequence[str]) -> str:
    """The first three names, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(PurePosixPath(name).name for name in names[:_SHOWN]) + more
