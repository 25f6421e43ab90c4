"""The tables of the record, one module per concept. Importing this needs a site set up."""

from onward.registry.models.access import AccessEntry, Alarm, Honeytoken
from onward.registry.models.accounts import Account, Assignment, OneTimeLink
from onward.registry.models.drafts import ImportDraft
from onward.registry.models.events import EventRow, Proposal, TreeHead
from onward.registry.models.exports import ExportDecision, ExportRequest, Recipient
from onward.registry.models.jobs import Job, JobFile
from onward.registry.models.kept import KeptFile
from onward.registry.models.placements import PlacementDecision
from onward.registry.models.projection import PersonNow, ProjectionState, ThingNow
from onward.registry.models.rights import (
    Breach,
    BreachNotice,
    Disposal,
    LegalHold,
    RightsRequest,
)
from onward.registry.models.vault import Attachment, Grave, Identity, Secret, WrappedKey

__all__ = [
    "AccessEntry",
    "Account",
    "Alarm",
    "Assignment",
    "Attachment",
    "Breach",
    "BreachNotice",
    "Disposal",
    "EventRow",
    "ExportDecision",
    "ExportRequest",
    "Grave",
    "Honeytoken",
    "Identity",
    "ImportDraft",
    "Job",
    "JobFile",
    "KeptFile",
    "LegalHold",
    "OneTimeLink",
    "PersonNow",
    "PlacementDecision",
    "ProjectionState",
    "Proposal",
    "Recipient",
    "RightsRequest",
    "Secret",
    "ThingNow",
    "TreeHead",
    "WrappedKey",
]
