"""The shipped sample: parked once, marked as sample, and nobody mistakes it for work of their own."""

from __future__ import annotations

from agents.handlers.mail import inbox
from agents.models import Run
from agents.services.sampling import CHATS, LETTERS, QUESTIONS, park_sample
from agents.transcripts import Conversation, read
from reviews.models import Action, Item, Message
from tests.agents_shipped.office import Office
from tests.logins import as_role


def test_the_sample_is_parked_once_and_fills_every_queue_but_questions(office: Office) -> None:
    with as_role("web"):
        told = park_sample(mailbox=inbox(), by=office.house.by("lin"))
        assert park_sample(mailbox=inbox(), by=office.house.by("lin")) == []
    assert told == ["6 letters", "a report", "4 conversations", "5 questions"]
    for run in Run.objects.all():
        office.onward(run)
    assert set(Item.objects.values_list("queue", flat=True)) == {"mail", "support", "reports", "imported"}
    assert {run.title.lower().startswith("sample") for run in Run.objects.all()} == {True}


def test_questions_of_the_sample_say_that_they_are_one(office: Office) -> None:
    with as_role("web"):
        park_sample(mailbox=inbox(), by=office.house.by("lin"))
    routes = Action.objects.filter(type="route.question")
    said = [bytes(m.body.body).decode() for m in Message.objects.filter(action__in=routes, kind="reasoning")]
    assert len(said) == 5
    assert all("Sample that ships with Assentry" in text for text in said)


def test_every_sample_file_is_well_formed_and_says_what_it_is() -> None:
    talks = list(read(CHATS.read_bytes(), name=CHATS.name))
    lines, letters = QUESTIONS.read_text().splitlines(), list(LETTERS.glob("*.eml"))
    assert talks and lines and letters
    assert all(isinstance(talk, Conversation) and "Sample that ships" in talk.raw for talk in talks)
    assert all("Sample that ships" in line for line in lines)
    assert all("Sample letter" in letter.read_text() for letter in letters)
