"""Zones: names taken and refused, and every clock change there is."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from zoneinfo import _zoneinfo  # type: ignore[attr-defined] # the one that shows what it read

import pytest
import tzdata

from app.domain import windows_zones, zones
from app.domain.quartz.schedule import FIRST_YEAR, LAST_YEAR
from app.errors import InvalidMember
from tests.worst import is_fast

ROOT = Path(__file__).parent.parent.parent


def transitions(name: str) -> list[tuple[int, int]]:
    """The changes of offset that the zone's file lists, and what its rule adds up to 2199."""
    with resources.files(tzdata).joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        read = _zoneinfo.ZoneInfo.from_file(file)
    instants = list(read._trans_utc)
    rule = read._tz_after
    if isinstance(rule, _zoneinfo._TZStr):
        last = datetime.fromtimestamp(instants[-1], UTC).year if instants else FIRST_YEAR
        for year in range(last, LAST_YEAR + 1):
            start, end = rule.transitions(year)
            standard = rule.std.utcoff.total_seconds()
            instants += [int(start - standard), int(end - standard - rule.dst_diff)]
    found: list[tuple[int, int]] = []
    offset = int(read._tti_before.utcoff.total_seconds())
    for instant in sorted(set(instants)):
        shown = read.utcoffset(datetime.fromtimestamp(instant, read))
        ahead = int(shown.total_seconds())
        if ahead != offset and zones.FIRST_INSTANT < instant <= zones.LAST_INSTANT:
            found.append((instant, ahead))
        offset = ahead
    return found


def test_every_change_of_every_zone_is_known() -> None:
    """Its file read by itself: so no two changes are too close for the steps that look for them."""
    assert len(zones.names()) > 590
    for name in sorted(zones.names()):
        zone = zones.find(name)
        assert list(zip(zone.changes, zone.offsets[1:], strict=True)) == transitions(name), name
        pairs = zip(zone.changes, zone.changes[1:], strict=False)
        assert all(later - earlier > zones._STEP for earlier, later in pairs), name
        assert all(abs(offset) < 86400 for offset in zone.offsets), name
        for change, before, after in zip(
            zone.changes, zone.offsets, zone.offsets[1:], strict=False
        ):
            # A midnight that does not exist is where its gap begins.
            midnight = -(-(change + before) // 86400) * 86400
            assert midnight >= change + after or midnight == change + before, name


def test_the_years_of_schedules_are_covered() -> None:
    assert datetime.fromtimestamp(zones.FIRST_INSTANT, UTC).year < FIRST_YEAR
    assert datetime.fromtimestamp(zones.LAST_INSTANT, UTC).year > LAST_YEAR


def test_the_machine_s_own_zone_files_are_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "Pacific").mkdir()
    (tmp_path / "Pacific" / "Nauru").write_bytes(b"not a zone")
    (tmp_path / "Here").write_bytes(b"not a zone")
    monkeypatch.setattr("zoneinfo.TZPATH", (str(tmp_path),))
    assert zones.find("Pacific/Nauru").offsets[-1] == 12 * 3600
    with pytest.raises(InvalidMember):
        zones.find("Here")


def test_the_version_is_that_of_the_lock() -> None:
    year, letter = zones.VERSION[:4], zones.VERSION[4:]
    locked = (ROOT / "requirements.txt").read_text()
    assert f"tzdata=={year}.{ord(letter) - ord('a') + 1}" in locked


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "UTC", "Etc/GMT+5", "America/Indiana/Knox", "EST"]
)
def test_a_zone_is_one_object(name: str) -> None:
    assert zones.find(name) is zones.find(name)
    assert zones.find(name).info.key == name


def test_each_name_of_windows_leads_to_a_zone() -> None:
    assert len(windows_zones.IANA_NAMES) > 130
    assert set(windows_zones.IANA_NAMES.values()) <= zones.names()
    assert not windows_zones.IANA_NAMES.keys() & zones.names()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("europe/berlin", "Europe/Berlin?"),
        ("utc", "UTC?"),
        ("Europe/Berln", "Europe/Berlin "),
        ("Berlin", "Europe/Berlin?"),
        ("W. Europe Standard Time", "Use Europe/Berlin, the IANA name of this Windows time zone."),
        ("eastern standard time ", "Use America/New_York, "),
        ("New York", "America/New_York?"),
        (" Europe/Paris", "Europe/Paris?"),
        ("", "such as Europe/Berlin"),
        ("Mars/Phobos", "such as Europe/Berlin"),
        ("Factory", "IANA"),
        ("../../etc/passwd", "IANA"),
        ("/usr/share/zoneinfo/Europe/Berlin", "IANA"),
        ("Europe/../Europe/Berlin", "Europe/Berlin"),
        ("Europe", "IANA"),
        ("localtime", "IANA"),
        ("Europe/Berlin\0", "Europe/Berlin"),
        ("+02:00", "IANA"),
        ("x" * 60_000, "IANA"),
        ("\ud800é\n", "IANA"),
    ],
)
def test_a_name_that_is_none_is_refused_with_what_is_near(name: str, near: str) -> None:
    with pytest.raises(InvalidMember) as refusal:
        zones.find(name)
    assert is_fast(zones.find, name)
    assert refusal.value.member == "timezone"
    assert near in refusal.value.remedy
    assert refusal.value.message.isprintable()
