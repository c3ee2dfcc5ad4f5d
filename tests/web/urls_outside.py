"""The desk's addresses as they are where an OpenID Connect provider is set up."""

from config.urls import urlpatterns as desk
from reviews.urls_outside import of_provider

urlpatterns = [*desk, *of_provider()]
