"""Writes nab.txt: what rollups over series of the Numenta Anomaly Benchmark (testdata/readings/nab) have to hold.

A line has a zone, a step, a series, the start of a window in milliseconds since 1970, and of the values in it: count, sum,
least, greatest, first, last, sample deviation, median, the 90th percentile, and how many are different. Of readings with one time
the last in the file counts, as in a table. Sums are exact and rounded once; percentiles lie between the two nearest ranks;
null is what one value has no deviation.

    python3 nab.py > nab.txt
"""
import csv
import math
import statistics
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

SERIES = ["TravelTime_387", "ec2_network_in_257a54", "machine_temperature_system_failure", "nyc_taxi", "speed_7578"]
ZONES = ["America/New_York", "Australia/Lord_Howe", "Europe/Berlin"]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
READINGS = Path(__file__).parent.parent.parent / "testdata" / "readings" / "nab"


def readings(name):
    by_time = {}
    with open(READINGS / (name + ".csv"), newline="") as file:
        for row in csv.DictReader(file):
            by_time[datetime.fromisoformat(row["timestamp"]).replace(tzinfo=timezone.utc)] = float(row["value"])
    return sorted(by_time.items())


def midnight(year, month, day, zone):
    """The first minute of a day. None of the zones moves its clock at midnight."""
    return datetime(year, month, day, tzinfo=zone).astimezone(timezone.utc)


def start(at, zone, step):
    local = at.astimezone(zone)
    return midnight(local.year, local.month, local.day if step == "1d" else 1, zone)


def percentile(values, fraction):
    at = fraction * (len(values) - 1)
    low, high = values[math.floor(at)], values[math.ceil(at)]
    return low + (high - low) * (at - math.floor(at))


for name in SERIES:
    rows = readings(name)
    for zone in ZONES:
        for step in ["1d", "1mo"]:
            windows = {}
            for at, value in rows:
                windows.setdefault(start(at, ZoneInfo(zone), step), []).append(value)
            for begin, values in windows.items():
                ranked = sorted(values)
                print(
                    zone, step, name, (begin - EPOCH) // timedelta(milliseconds=1), len(values), repr(math.fsum(values)),
                    repr(ranked[0]), repr(ranked[-1]), repr(values[0]), repr(values[-1]),
                    repr(statistics.stdev(values)) if len(values) > 1 else "null",
                    repr(percentile(ranked, 0.5)), repr(percentile(ranked, 0.9)), len(set(values)),
                )
