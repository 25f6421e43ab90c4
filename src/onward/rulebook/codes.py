"""What the codes that offices write for specific needs and submission categories stand for.

Comes in: a code. Goes out: its title with the code behind it, or the code as it is. The titles are
English and message ids of the desk's catalogues.
"""

from __future__ import annotations

CODES = {
    "CR": "Child at risk (CR)", "SC": "Unaccompanied or separated child (SC)",
    "WR": "Woman at risk (WR)", "ER": "Older person at risk (ER)",
    "SP": "Single parent or caregiver (SP)", "DS": "Disability (DS)",
    "SM": "Serious medical condition (SM)", "FU": "Family unity (FU)",
    "LP": "Legal or physical protection need (LP)", "TR": "Torture (TR)",
    "SV": "Sexual or gender-based violence (SV)", "PG": "Pregnant or breastfeeding (PG)",
    "LPN": "Legal and physical protection (LPN)", "SVT": "Survivors of violence or torture (SVT)",
    "MED": "Medical needs (MED)", "WGR": "Women and girls at risk (WGR)",
    "FAM": "Family reunification (FAM)", "CAR": "Children and adolescents at risk (CAR)",
    "LAK": "No other durable solution in sight (LAK)",
}  # fmt: skip


def code_title(code: str) -> str:
    return CODES.get(code, code)
