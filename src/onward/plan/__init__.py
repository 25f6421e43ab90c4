"""The plan: what protection rests on, what will be done, and when each clock runs out.

Everything with a date in an operation that is not a person's own record: authorities,
assurances, actions, pledges, capacities, messages, deadlines and service targets, read from
plan.yaml, checked, drawn over uncertain dates and laid on one timeline.
"""

from onward.plan.check import PlanFinding, check_plan
from onward.plan.draws import (
    MilestoneChance,
    PlanDraws,
    Spread,
    criticality,
    milestone_chances,
    plan_draws,
)
from onward.plan.effects import PlanEffect, PlanEffects, plan_effects
from onward.plan.gantt import gantt_list, gantt_svg
from onward.plan.lapses import lapses
from onward.plan.load import load_plan, loads_plan
from onward.plan.model import Plan
from onward.plan.timeline import alerts, timeline

__all__ = [
    "MilestoneChance",
    "Plan",
    "PlanDraws",
    "PlanEffect",
    "PlanEffects",
    "PlanFinding",
    "Spread",
    "alerts",
    "check_plan",
    "criticality",
    "gantt_list",
    "gantt_svg",
    "lapses",
    "load_plan",
    "loads_plan",
    "milestone_chances",
    "plan_draws",
    "plan_effects",
    "timeline",
]
