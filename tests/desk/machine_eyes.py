"""What a machine finds on a page: axe's faults, a sideways scroll, and what moves though asked not to."""

from __future__ import annotations

from pathlib import Path

AXE = Path(__file__).parent / "axe/node_modules/axe-core/axe.min.js"
RULES = (
    "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],"
    " resultTypes: ['violations']}"
)
WIDTHS = (1366, 360, 320)
"""A small laptop, a telephone, and a page read at four times its size."""


class Look:
    """Looks at pages of one language, and keeps what it finds."""

    def __init__(self, served, language):
        assert AXE.exists(), "axe-core is missing: npm ci --prefix tests/desk/axe"
        self.served, self.language = served, language
        self.axe = AXE.read_text("utf-8")
        self.found, self.pages = [], {}

    def as_(self, account):
        if account.pk not in self.pages:
            page = self.served.open(account, self.language, reduced_motion="reduce")
            self.pages[account.pk] = page
        return self.pages[account.pk]

    def faults(self, page):
        if not page.evaluate("typeof axe === 'object'"):
            page.evaluate(self.axe)
        return page.evaluate(f"axe.run({RULES})")["violations"]

    def at(self, page, what=""):
        """what  what the page is called where something is found; its address when left out"""
        what = what or page.url
        page.evaluate(
            "document.querySelectorAll('main details').forEach(d => { d.open = true; })"
        )
        for fault in self.faults(page):
            self.found.append((what, fault["id"], fault["nodes"][0]["html"][:160]))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 768})
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if wide > 0:
                self.found.append((what, f"wider than {width}", wide))
        moving = page.evaluate(
            "document.getAnimations().filter(a => a.playState === 'running').length"
        )
        if moving:
            self.found.append((what, "moves although asked not to", moving))
        page.set_viewport_size({"width": WIDTHS[0], "height": 768})
