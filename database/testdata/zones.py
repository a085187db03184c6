"""Writes zones.txt: windows of time around the moments at which clocks are moved, by Python's zoneinfo alone.

A line has a zone, a step as CQL writes it, a moment, and the window [start, end) that holds it, in milliseconds since 1970.
A boundary is a whole number of steps since 1970-01-01 on the clock of the zone. It is at the first minute at which the clock shows
it or has jumped over it. Of steps up to an hour it is at every minute that the clock shows one, and where the clock is
moved by a part of the step.

    python3 zones.py > zones.txt
"""
from datetime import datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

ZONES = {
    "Europe/Berlin": [datetime(2025, 10, 26, 1), datetime(2026, 3, 29, 1)],
    "America/New_York": [datetime(2025, 11, 2, 6), datetime(2026, 3, 8, 7)],
    "Australia/Lord_Howe": [datetime(2025, 10, 4, 15, 30), datetime(2026, 4, 4, 15)],
    "America/Santiago": [datetime(2025, 9, 7, 4), datetime(2026, 4, 5, 3)],  # moved at midnight
}
MINUTE = timedelta(minutes=1)
SHORT = {"15m": 15, "30m": 30, "1h": 60}
LONG = {"6h": timedelta(hours=6), "1d": timedelta(days=1), "7d": timedelta(days=7), "1mo": None}
OFFSETS = [-1500, -90, -31, -1, 0, 1, 29, 31, 61, 89, 1500]  # minutes
EPOCH = datetime(1970, 1, 1)


def shown(at, zone):
    """What the clock shows at a moment of UTC; both without a zone."""
    return at.replace(tzinfo=timezone.utc).astimezone(zone).replace(tzinfo=None)


@cache
def first(boundary, name):
    """The first minute at which the clock shows a boundary or has jumped over it."""
    zone = ZoneInfo(name)
    at = boundary - timedelta(hours=15)
    while shown(at, zone) < boundary:
        at += MINUTE
    return at


def boundaries(local, step):
    """Boundaries around what a clock shows."""
    if LONG[step] is None:
        month = local.year * 12 + local.month - 1
        return [datetime((month + i) // 12, (month + i) % 12 + 1, 1) for i in (-1, 0, 1, 2)]
    size = LONG[step]
    k = (local - EPOCH) // size
    return [EPOCH + (k + i) * size for i in (-1, 0, 1, 2)]


def is_boundary(at, zone, minutes):
    moved = shown(at, zone) - shown(at - MINUTE, zone) - MINUTE
    local = shown(at, zone)
    return (local - EPOCH) % timedelta(minutes=minutes) == timedelta(0) or moved % timedelta(minutes=minutes) != timedelta(0)


def window(at, name, step):
    zone = ZoneInfo(name)
    if step in LONG:
        found = sorted(first(b, name) for b in boundaries(shown(at, zone), step))
        return max(b for b in found if b <= at), min(b for b in found if b > at)
    start, end = at.replace(second=0), at.replace(second=0) + MINUTE
    while not is_boundary(start, zone, SHORT[step]):
        start -= MINUTE
    while not is_boundary(end, zone, SHORT[step]):
        end += MINUTE
    return start, end


def millis(at):
    return (at - EPOCH) // timedelta(milliseconds=1)


for name, moves in ZONES.items():
    for move in moves:
        for offset in OFFSETS:
            at = move + timedelta(minutes=offset, seconds=7 if offset % 2 else 0)
            for step in [*SHORT, *LONG]:
                start, end = window(at, name, step)
                print(name, step, millis(at), millis(start), millis(end))
