"""Every address of the desk. An area brings its own list, `urls`, in its module of `views`."""

from __future__ import annotations

from onward.desk.views import (
    administration,
    audit,
    calendar,
    compared,
    convoys,
    exceptions,
    exports,
    files,
    forecasts,
    headcount,
    home,
    households,
    imports,
    jobs,
    people,
    placements,
    plan,
    record,
    registering,
    reports,
    rights,
    rumours,
    session,
    sheets,
)

app_name = "desk"

urlpatterns = [
    *home.urls,
    *session.urls,
    *calendar.urls,
    *headcount.urls,
    *convoys.urls,
    *registering.urls,
    *households.urls,
    *exceptions.urls,
    *sheets.urls,
    *people.urls,
    *files.urls,
    *record.urls,
    *plan.urls,
    *forecasts.urls,
    *compared.urls,
    *placements.urls,
    *rumours.urls,
    *reports.urls,
    *imports.urls,
    *jobs.urls,
    *administration.urls,
    *exports.urls,
    *rights.urls,
    *audit.urls,
]
