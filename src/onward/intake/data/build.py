"""Rebuilds countries.csv and languages.csv from CLDR; a maintainer runs it, nobody else.

In: the Babel package (CLDR names of countries and languages) and `aliases.csv`, written by
hand. Out: the two tables beside this file. Run it as `python build.py` with Babel installed.
"""

from __future__ import annotations

import csv
from pathlib import Path

LANGUAGES = ("en", "fr", "ar", "fa", "ckb", "ku", "tr", "ps")
# Languages an office in this field meets, and those it writes in (BCP 47).
SPOKEN = (  # noqa: SIM905
    "en fr ar fa prs ckb ku kmr sdh lki lrc mzn glk az azb azj tk uz ug ps bal haz tg syr aii arc hy "
    "he tr ur hi pa bn ne so ti am om aa sw ha yo ig ff wo sn zu rw rn ln kg lg es pt it de nl el "
    "sq sr hr bs bg mk ro hu pl cs sk sl uk ru be ka ab ce os kk ky mn zh yue ja ko vi th km lo my "
    "rhg ta te ml si dv id ms tl sv no nb da fi et lv lt is ga cy mt kab ber zgh shi rif dje kr din "
    "nus ach luo mas sg"
).split()


def main() -> None:
    from babel import Locale
    from babel.core import get_global

    here = Path(__file__).parent
    locales = {tag: Locale(tag) for tag in LANGUAGES}
    aliases: dict[tuple[str, str], str] = {}
    with (here / "aliases.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            aliases[row["kind"], row["code"]] = row["names"]
    # Codes of countries that are no more, and CLDR's own test and placeholder codes.
    old = set("ZAR BUR TMP ROM YMD YUG DDR SUN ANT SCG CSK FXX ADN NTZ XAA XBB ZZZ".split())  # noqa: SIM905
    three = {
        two[0]: code
        for code, two in get_global("territory_aliases").items()
        if len(code) == 3 and code.isalpha() and len(two) == 1 and code not in old
    }
    gone = {
        "AN",
        "BU",
        "CS",
        "DD",
        "FX",
        "NT",
        "SU",
        "TP",
        "YD",
        "YU",
        "ZR",
        "QU",
        "EU",
        "UN",
        "AC",
    }
    with (here / "countries.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["alpha3", "alpha2", *LANGUAGES, "also"])
        for two in sorted(three, key=lambda code: three[code]):
            names = [locales[tag].territories.get(two, "") for tag in LANGUAGES]
            if two in gone or not names[0] or two in names[0] or not two.isalpha():
                continue
            if three[two] in {"CPT", "DGA", "TAA"}:
                continue
            writer.writerow([three[two], two, *names, aliases.get(("country", three[two]), "")])
    iso3: dict[str, set[str]] = {}
    for long, short in get_global("language_aliases").items():
        if len(long) == 3 and len(short) == 2:
            iso3.setdefault(short, set()).add(long)
    with (here / "languages.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["tag", "codes", *LANGUAGES, "also"])
        for tag in sorted(set(SPOKEN)):
            names = [locales[lang].languages.get(tag, "") for lang in LANGUAGES]
            also = aliases.get(("language", tag), "")
            if any(names) or also:
                codes = "|".join(sorted(iso3.get(tag, {tag})))
                writer.writerow([tag, codes, *names, also])


if __name__ == "__main__":
    main()
