"""The table, row by row: what every option must have, and every name uWSGI knows."""

import re
from collections import Counter
from collections.abc import Mapping

import pytest

from quaich.config.base import BASE_FIELDS
from quaich.config.effective import Config
from quaich.config.options import (
    BY_LONG_NAME,
    COMPATIBLE_NAMES,
    TABLE,
    capabilities,
    effectless,
    refusals,
)
from quaich.config.options.guards import GUARDS
from quaich.config.options.row import DIFFERS, NO_EFFECT, PLANNED, REFUSED, RELATIONS, Option
from quaich.values import fields

IMPLEMENTED = [option for option in TABLE if option.implemented]
CONFIG_FIELDS = {field.name for field in fields(Config)} - set(BASE_FIELDS)


def row_id(option: Option) -> str:
    return option.name


def test_names_are_unique() -> None:
    names = Counter(name for option in TABLE for name in option.names)
    assert [name for name, times in names.items() if times > 1] == []


def test_every_name_of_uwsgi_is_known() -> None:
    # Of the 1063 rows that uWSGI 2.0 prints, two are the same mime options again.
    assert len([name for name, row in COMPATIBLE_NAMES.items() if not row.modern]) == 1061


@pytest.mark.parametrize("option", TABLE, ids=row_id)
def test_every_row(option: Option) -> None:
    for name in option.names:
        assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name)
    assert option.arg in ("none", "optional", "required")
    assert option.relation in RELATIONS
    assert len(option.short) <= 1
    assert bool(option.why) == (option.relation in (DIFFERS, NO_EFFECT, REFUSED))
    assert bool(option.capability) == (option.relation == PLANNED)
    assert bool(option.instead) == (option.relation == REFUSED)
    if option.guards:
        assert option.relation in (PLANNED, REFUSED)


@pytest.mark.parametrize("option", IMPLEMENTED, ids=row_id)
def test_every_implemented_row(option: Option) -> None:
    assert option.help
    assert not option.help.endswith(".")
    assert option.help[0].islower()
    kinds_of_row = [bool(option.target), option.acts, bool(option.serves)]
    assert kinds_of_row.count(True) == 1
    if option.target:
        assert option.target in CONFIG_FIELDS


@pytest.mark.parametrize("option", [row for row in IMPLEMENTED if row.target], ids=row_id)
def test_a_default_is_a_value_of_its_kind(option: Option) -> None:
    default = getattr(Config(), option.target)
    if option.kind.repeats:
        assert default == ()
    elif default is not None:
        assert option.kind.read(option.kind.write(default)) == (default, "", "")


def test_every_field_has_an_option() -> None:
    assert {option.target for option in IMPLEMENTED if option.target} == CONFIG_FIELDS


def test_no_two_options_share_a_field() -> None:
    targets = [option.target for option in IMPLEMENTED if option.target]
    assert len(targets) == len(set(targets))


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("s", "socket"),
        ("p", "processes"),
        ("w", "module"),
        ("H", "home"),
        ("C", "chmod-socket"),
        ("M", "master"),
        ("x", "xmlconfig"),
        ("y", "yaml"),
        ("j", "json"),
        ("h", "help"),
        ("S", "set"),
        ("Q", "spooler"),
    ],
)
def test_a_short_flag_is_the_first_name_that_has_it(short: str, name: str) -> None:
    assert next(option for option in TABLE if option.short == short).name == name


def test_every_guard_guards_a_row_that_is_not_supported() -> None:
    for name in GUARDS:
        assert BY_LONG_NAME[name].relation in (PLANNED, REFUSED), name


@pytest.mark.parametrize(
    "name",
    ["unshare", "namespace", "route", "route-run", "http-to-https", "sni"],
)
def test_what_protects_is_guarded(name: str) -> None:
    assert BY_LONG_NAME[name].guards


def test_options_that_start_a_master_are_marked() -> None:
    assert BY_LONG_NAME["stats"].implies == ("master",)
    assert BY_LONG_NAME["harakiri"].implies == ()


@pytest.mark.parametrize(
    ("listed", "relation"),
    [
        (capabilities.BY_OPTION, PLANNED),
        (refusals.BY_OPTION, REFUSED),
        (effectless.REASONS, NO_EFFECT),
    ],
)
def test_no_list_is_stale(listed: Mapping[str, object], relation: str) -> None:
    assert [name for name in listed if BY_LONG_NAME[name].relation != relation] == []


def test_no_group_of_a_list_is_stale() -> None:
    for groups, relation in ((capabilities.BY_GROUP, PLANNED), (refusals.BY_GROUP, REFUSED)):
        used = {option.group for option in TABLE if option.relation == relation}
        assert sorted(set(groups) - used) == []
