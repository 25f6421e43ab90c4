"""Writes docs/reference/roles.md from the table of roles: python -m onward.registry.permissions.roles_page."""

from __future__ import annotations

from pathlib import Path

from onward.registry.permissions.roles import CASES, Rules, load_rules

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "roles.md"
LETTERS = {
    "operation": "all",
    "office": "office",
    "assigned": "assigned",
    "referred": "referred",
}


def page(rules: Rules | None = None) -> str:
    """The reference page, whole."""
    rules = rules or load_rules()
    lines = [
        "# Roles",
        "",
        "<!-- Written by python -m onward.registry.permissions.roles_page from src/onward/registry/data/roles.yaml. "
        "Change that file, not this page. -->",
        "",
        "Who reads which class of fields, and may do what, for whom. [Who sees what, and why]"
        "(../explanation/access.md) says how the table is used.",
        "",
        "The reach of each cell:",
        "",
        *(f"- **{LETTERS[name]}**: {text}." for name, text in rules.reaches.items()),
        "",
        "Nothing stands for nothing: such fields are not shown, such people are not there.",
        "",
        "## What each role reads",
        "",
    ]
    shown = [role for role in rules.roles.values() if role.sees_cases]
    for role in shown:
        lines.append(f"**{role.title}**")
        lines.append("")
        for reach in rules.reaches:
            names = [
                rules.classes[c].title for c, found in role.reads.items() if reach in found
            ]
            if names:
                lines.append(f"- {LETTERS[reach]}: {'; '.join(names)}")
        lines.append("")
    blind = [role.title for role in rules.roles.values() if not role.sees_cases]
    lines += [f"These read nobody: {'; '.join(blind)}.", "", "## What each role may do", ""]
    for role in rules.roles.values():
        lines += [f"**{role.title}**", ""]
        for reach in rules.reaches:
            names = [rules.actions[a].title for a, found in role.may.items() if reach in found]
            if names:
                lines.append(f"- {LETTERS[reach]}: {'; '.join(names)}")
        lines.append("")
    fresh = [a.title for a in rules.actions.values() if a.fresh]
    two = [a.title for a in rules.actions.values() if a.two]
    masked = [rules.classes[name].title for name in sorted(rules.revealed)]
    lines += [
        "## Masked, fresh, and by two",
        "",
        f"- Shown only when asked for, with a reason and a fresh sign-in: {'; '.join(masked)}.",
        f"- Need a full sign-in of the last ten minutes: {'; '.join(fresh)}.",
        f"- Decide on what somebody else asked for, never on one's own: {'; '.join(two)}.",
        "",
        "## Not in one account",
        "",
    ]
    for pair in rules.apart:
        titles = [rules.roles[name].title for name in sorted(pair - {CASES})]
        if CASES in pair:
            titles.append("any role that reads people")
        lines.append(f"- {titles[0]} and {titles[1]}")
    lines += ["", "## Classes of fields", "", "| Class | What belongs to it |", "|---|---|"]
    for each in rules.classes.values():
        what = [
            *(f"`{kind}`: {', '.join(sorted(facts))}" for kind, facts in each.facts.items()),
            *(f"every `{kind}`" for kind in sorted(each.kinds)),
            *(f"facts kept as `{name}`" for name in sorted(each.retention)),
            *(f"facts of sensitivity `{name}`" for name in sorted(each.sensitivity)),
            *(f"`{name}` of the vault" for name in each.vault),
        ]
        told = "; ".join(what) or "kept with the request, and read with the class it is about"
        lines.append(f"| {each.title} | {told} |")
    lines += [
        "",
        "A field belongs to the first class that fits; one that fits none to the most guarded.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
