"""Every address of the desk. An area brings its own list, `urls`, in its module of `views`."""

from __future__ import annotations

from onward.desk.views import home, session

app_name = "desk"

urlpatterns = [
    *home.urls,
    *session.urls,
]
