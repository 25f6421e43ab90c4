"""What each indicator means, in the one place where a definition is written.

Exists because a figure without its definition is quoted for another. Comes in: nothing. Goes out:
title and definition by key; page, paper and reference quote them. Recognition rates follow UNHCR's
Statistical Yearbook; unit persons unless stated.
"""

from __future__ import annotations

from collections.abc import Mapping

PERIOD_DAYS = 90
"""Flows that have no month of their own (withdrawals, claims, complaints) cover so many days."""

DEFINITIONS: Mapping[str, tuple[str, str]] = {
    "caseload": ("Caseload", "Active people on the date by legal status and site. Active: no final outcome, not dead, not absent. Cases are movement units (people who travel together) and are shown apart from people."),
    "pipeline": ("Pipeline", "Active people by the furthest step they have reached."),
    "interview_coverage": ("Heard in private", "Active adults and unaccompanied children with at least one interview that meets every condition of a private, impartial interview, divided by all of them."),
    "consent_rate": ("Consent rate", "People whose consent to the pathway is valid on the date, divided by people who have been counselled and heard and whose legal status and place allow the pathway's next step. Validity is asked of the safeguard on consent, never judged anew."),
    "withdrawal_rate": ("Withdrawals", "Consents withdrawn in the last 90 days, divided by consents valid at any time in them. Withdrawing is a right, not a failure."),
    "not_engaging": ("Not engaging", "Active people who decline interview or choice, divided by all active people. It never means consent."),
    "refugee_recognition": ("Refugee recognition rate", "People recognised divided by people recognised, given complementary protection or rejected at first instance; exclusions are inside rejected and also shown alone; claims closed without a decision are left out."),
    "total_recognition": ("Total recognition rate", "People recognised or given complementary protection, divided by the same whole."),
    "rsd_backlog": ("Claims pending", "Pending at the start, plus new, plus reopened, minus decided, minus closed otherwise (withdrawn, left, absent, died). Must equal the claims counted pending; a difference is shown."),
    "appeal_reversal": ("Appeals reversed", "Negative decisions overturned divided by appeals decided."),
    "days_per_stage": ("Days in each step", "Mean, median and ninth decile of completed stays; the age of stays not yet ended stands beside them, because the slow ones have not ended. Not shown where few people stand behind it."),
    "departures": ("Departures per month", "People whose departure or other outcome is confirmed and dated in the month, by way. Relocations inside the country are apart: they are never an outcome."),
    "blocked": ("Held back", "People whose next step fails at least one safeguard. One person can fail several, so the rows must not be added."),
    "no_open_pathway": ("No open pathway", "People to whom no step towards any lawful, voluntary outcome is open on the date."),
    "basis_lapsing": ("Basis lapsing", "People whose legal status, place or covering authority has its clock run out within 30, 60 or 90 days. Nobody's case is closed by a clock: the basis is reviewed."),
    "follow_ups": ("Follow-ups", "Due: scheduled on or before the date. Whoever was not reached is looked for until they answer: that they are safe, that something worries or harmed them, or that they want no contact. Overdue: due and not answered, tried or not, past the days tolerated where the person is. Of somebody who has died none is due any more. Contact rate: contacts in which the person was reached, divided by contacts due. Contacts made after the date are not counted."),
    "incidents": ("Incidents after departure", "Incidents recorded after an outcome, and for every 100 months observed: the months from each departure to the last contact that reached the person. A pause after a movement against a safeguard is not one. Always beside the contact rate: silence is not safety."),
    "family": ("Family unity", "Households whose living members are in different places, with and without every adult's own agreement; separated and unaccompanied children, and how many have a best-interests determination."),
    "complaints": ("Complaints", "Received in the last 90 days, open, median days to close, and coercion complaints that wait for triage."),
    "pledges": ("Places", "Pledged: places confirmed by States without condition. Open: pledged, minus people accepted and not yet departed, minus departed, minus reserved. Filled: departed divided by pledged. Conditional and verbal offers are never added."),
    "acceptance": ("State acceptance rate", "People accepted divided by people accepted or denied; deferred decisions are left out."),
    "residual": ("Residual at the deadline", "People here, plus expected arrivals, minus expected exits by the deadline, from simulated futures: P10 is the number that one future in ten stays below, P50 the middle, P90 the number that one in ten exceeds."),
    "required_rate": ("Required rate", "People here minus the residual allowed, divided by months left, beside the mean of the last three months. A warning that the plan may not fit the time, for the plan lead only; never a target for anyone."),
    "milestones": ("Milestones", "The share of simulated plans in which the milestone is met by its date."),
    "breaches": ("Breaches", "Movements recorded although a safeguard was not met. Each names the safeguards and whose job it is."),
    "placement": ("Proposed places", "What the latest stored proposal would use; officers decide."),
}  # fmt: skip
