"""All addresses of the product: signing in, and the desk."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("onward.registry.signing_in.urls")),
    path("", include("onward.desk.urls")),
]

handler400 = "onward.desk.views.errors.bad_request"
handler403 = "onward.desk.views.errors.refused"
handler404 = "onward.desk.views.errors.not_found"
handler500 = "onward.desk.views.errors.broken"
