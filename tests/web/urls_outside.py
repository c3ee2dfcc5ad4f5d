"""The desk's addresses as they are where an OpenID Connect provider is set up."""

from django.urls import include, path

from config.urls import urlpatterns as desk

urlpatterns = [*desk, path("", include("allauth.socialaccount.providers.openid_connect.urls"))]
