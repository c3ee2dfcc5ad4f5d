"""A reviewer keeps the receipt of a decision; others learn nothing from its address."""

from __future__ import annotations

from django.conf import settings

from audit.notes import Signer
from audit.receipts import HEADER
from audit.verify import Key, Note
from reviews.models import Decision
from tests import build
from tests.web.pages import HX, Browser


def test_the_receipt_of_ones_own_decision_is_offered_and_signed(
    house: build.House, ada: Browser, grace: Browser
) -> None:
    item = build.pending(house)
    toast = ada.post(f"/a/ACT-{item.ref}/decide/", ada.form(item, verdict="approve"), **HX)
    event = Decision.objects.get().event_id
    address = f"/audit/receipt/{event}/"
    assert f'href="{address}"' in toast.text
    assert f'href="{address}"' in ada.get(f"/a/ACT-{item.ref}/").text
    found = ada.get(address)
    assert found.status == 200
    assert found.text.startswith(f"{HEADER}\n{settings.LOG_ORIGIN}\n{event}\n")
    key = Signer.read(settings.SECRETS_DIR / "receipt-web.key").vkey
    assert Note(found.text).times(Key(key)) == [1]
    assert ada.get(address).text == found.text  # kept, not made anew
    assert f'href="{address}"' not in grace.get(f"/a/ACT-{item.ref}/").text
    assert grace.get(address).status == 404
    assert Browser().get(address).status == 302
    assert ada.get(f"/audit/receipt/{item.id}/").status == 404
