"""The addresses of people: who is here, coming in, being away, leaving."""

from __future__ import annotations

from django.urls import path

from reviews.views import joining, people

urlpatterns = [
    path("people/", people.listing, name="people"),
    path("people/invite/", people.invite, name="invite"),
    path("people/<str:pseudonym>/", people.person, name="person"),
    path("people/<str:pseudonym>/qualify/", people.qualify, name="person_qualify"),
    path("people/<str:pseudonym>/rest/", people.rest, name="person_rest"),
    path("people/<str:pseudonym>/back/", people.back, name="person_back"),
    path("people/<str:pseudonym>/hand-over/", people.hand_over, name="person_hand_over"),
    path("people/<str:pseudonym>/factors/", people.reset_factors, name="person_factors"),
    path("people/<str:pseudonym>/close/", people.close, name="person_close"),
    path("people/<str:pseudonym>/invite/", people.invite_again, name="person_invite"),
    path("invitation/<str:token>/", joining.invitation, name="invitation"),
    path("forgotten/", joining.forgotten, name="forgotten"),
    path("forgotten/<str:mark>/<str:token>/", joining.new_password, name="new_password"),
]
