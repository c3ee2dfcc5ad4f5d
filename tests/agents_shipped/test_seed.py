"""Seeding makes a desk one can sign in to, once, and leaves alone what people changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.services.seeding import seed_people
from reviews.models import Authority, Queue, Reach, User

pytestmark = pytest.mark.django_db


def test_everybody_can_sign_in_and_reach_and_authority_differ(as_role: Callable[[str], Any], tmp_path: Path) -> None:
    with as_role("web"):
        found = seed_people(tmp_path / "secrets" / "sign-ins.json")
    assert [each.username for each in found] == ["root", "lin", "ada", "grace", "noor"]
    for each in found:
        assert each.password
        assert User.objects.get(username=each.username).check_password(each.password)
    reach = {
        name: set(Reach.objects.filter(group__name=name).values_list("queue", flat=True))
        for name in ("mailroom", "operations", "newcomers")
    }
    assert len(set(map(frozenset, reach.values()))) == 3
    assert set(Authority.objects.values_list("group__name", "max_risk")) >= {
        ("mailroom", "medium"),
        ("operations", "high"),
        ("leads", "critical"),
    }


def test_a_second_start_changes_nothing_and_says_the_same_words(as_role: Callable[[str], Any], tmp_path: Path) -> None:
    file = tmp_path / "sign-ins.json"
    with as_role("web"):
        first = seed_people(file)
        second = seed_people(file)
    assert first == second
    assert (User.objects.count(), Queue.objects.exclude(help="").count()) == (5, 5)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_password_that_its_owner_changed_is_not_printed(as_role: Callable[[str], Any], tmp_path: Path) -> None:
    file = tmp_path / "sign-ins.json"
    with as_role("web"):
        seed_people(file)
        ada = User.objects.get(username="ada")
        ada.set_password("another one of her own")
        ada.save(update_fields=["password"])
        again = {each.username: each.password for each in seed_people(file)}
    assert again["ada"] is None
    assert again["grace"] is not None


def test_a_reset_makes_new_words_for_everybody(as_role: Callable[[str], Any], tmp_path: Path) -> None:
    file = tmp_path / "sign-ins.json"
    with as_role("web"):
        first = {each.username: each.password for each in seed_people(file)}
        second = {each.username: each.password for each in seed_people(file, reset=True)}
    assert first and all(first[name] != second[name] and second[name] for name in first)
    assert json.loads(file.read_text()) == second
