"""Who lives in Meridian: invented households with names in two scripts and many spellings.

Every family name is an ordinary word no family is known by (lighthouse, rainbow, sunflower …), with
the endings real names have, so nobody can take a row of this demonstration for a person. Comes in: a seeded random generator. Goes out: households of
`Resident`s, with the truth about each and the spellings an office would have written.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field

# given name in Persian or Arabic script, its usual Latin spellings
MEN = [
    ("محمد", ["Mohammad", "Mohammed", "Muhammad", "Mohamad"]),
    ("علی", ["Ali"]),
    ("حسین", ["Hossein", "Hussein", "Husayn"]),
    ("رضا", ["Reza", "Riza"]),
    ("علیرضا", ["Alireza", "Ali Reza", "Ali-Reza"]),
    ("مهدی", ["Mehdi", "Mahdi"]),
    ("حسن", ["Hassan", "Hasan"]),
    ("عبدالله", ["Abdollah", "Abdullah", "Abd Allah"]),
    ("ابراهیم", ["Ebrahim", "Ibrahim"]),
    ("یوسف", ["Yousef", "Yusuf", "Yosef"]),
    ("داوود", ["Davoud", "Dawood", "Daud"]),
    ("اسماعیل", ["Esmaeil", "Ismail", "Esmail"]),
    ("غلامرضا", ["Gholamreza", "Qolamreza", "Gholam Reza"]),
    ("کریم", ["Karim", "Kareem"]),
    ("جواد", ["Javad", "Jawad"]),
    ("فرهاد", ["Farhad"]),
    ("بهرام", ["Bahram"]),
    ("سعید", ["Saeed", "Said", "Saeid"]),
    ("خالد", ["Khaled", "Khalid"]),
    ("طارق", ["Tareq", "Tariq"]),
    ("عمر", ["Omar", "Umar"]),
    ("آرام", ["Aram"]),
    ("ڕێبوار", ["Rebwar", "Rêbwar"]),
    ("هیوا", ["Hiwa", "Hîwa"]),
]
WOMEN = [
    ("مریم", ["Maryam", "Mariam"]),
    ("فاطمه", ["Fatemeh", "Fatima", "Fatimah"]),
    ("زهرا", ["Zahra"]),
    ("زینب", ["Zeinab", "Zaynab", "Zainab"]),
    ("لیلا", ["Leila", "Layla"]),
    ("نرگس", ["Narges", "Nargis"]),
    ("سارا", ["Sara", "Sarah"]),
    ("شیرین", ["Shirin", "Shireen"]),
    ("پروین", ["Parvin", "Parwin"]),
    ("معصومه", ["Masoumeh", "Masumeh"]),
    ("خدیجه", ["Khadijeh", "Khadija"]),
    ("عایشه", ["Ayesheh", "Aisha", "Aysha"]),
    ("نسرین", ["Nasrin", "Nasreen"]),
    ("مهناز", ["Mahnaz"]),
    ("هاجر", ["Hajar", "Hajer"]),
    ("أمل", ["Amal"]),
    ("شیلان", ["Shilan", "Şîlan"]),
    ("روژین", ["Rojin", "Rozhin"]),
]
# family names are words nobody bears: star rain, lighthouse, rainbow-born, sunflower, carnation
FAMILIES = [
    ("ستاره‌باران", ["Setarehbaran", "Setarebaran"]),
    ("باران‌ریز", ["Baranriz"]),
    ("فانوس‌دریایی", ["Fanousdaryaei", "Fanusdaryayi"]),
    ("درختستان", ["Derakhtestan"]),
    ("رودخانه", ["Roudkhaneh", "Rudkhaneh"]),
    ("کوهستان", ["Kouhestan", "Kuhestan"]),
    ("پرندگان", ["Parandegan", "Parandgan"]),
    ("رنگین‌کمان‌زاده", ["Ranginkamanzadeh", "Ranginkaman-zadeh", "Ranginkamanzada"]),
    ("گندمزاری", ["Gandomzari", "Gandomzary"]),
    ("قاصدک‌پور", ["Ghasedakpour", "Qasedakpur"]),
    ("بادبان‌نژاد", ["Badbannejad", "Badban-nezhad"]),
    ("سنگریزیان", ["Sangrizian", "Sangrizyan"]),
    ("شالیزاری", ["Shalizari", "Shalizary"]),
    ("انارستان‌نیا", ["Anarestannia", "Anarestanniya"]),
    ("آفتابگردانی", ["Aftabgardani", "Aftabgardany"]),
    ("برفدانه‌زاده", ["Barfdanehzadeh", "Barfdaneh-zade"]),
    ("چشمه‌ساری", ["Cheshmehsari", "Cheshmesari"]),
    ("صنوبرستانی", ["Sanobarestani", "Senobarestani"]),
    ("القرنفل", ["Al-Qaranful", "Alqaranful", "El Qaranful"]),
    ("القوقعة", ["Al-Qawqaa", "Alghawqaa", "El-Qawqaa"]),
    ("النافورة", ["Al-Nafoura", "Alnafura"]),
    ("المظلة", ["Al-Mizalla", "Almizalla"]),
    ("پەپوولە", ["Papula", "Pepûle"]),
    ("شاخەگوڵ", ["Shakhagul", "Şaxegul"]),
    ("پاییزانه‌ای", ["Paeizanei", "Payizanei"]),
    ("سایه‌بان‌پور", ["Sayehbanpour", "Sayeban-pur"]),
]
TITLES = ["", "", "", "", "", "سید ", "حاج "]


@dataclass
class Resident:
    number: str
    household: str
    given: str
    given_latin: list[str]
    family: str
    family_latin: list[str]
    father: str
    father_latin: str
    sex: str
    birth: dt.date
    birth_precision: str  # day, month, year
    role: str
    group: str
    affiliation: str
    language: str
    arrived: dt.date
    adult_on_start: bool
    needs: list[str] = field(default_factory=list)
    dies: dt.date | None = None

    def age(self, on: dt.date) -> int:
        return (
            on.year
            - self.birth.year
            - ((on.month, on.day) < (self.birth.month, self.birth.day))
        )


def _birth(rng: random.Random, low: int, high: int, start: dt.date) -> tuple[dt.date, str]:
    days = rng.randint(low * 365, high * 365)
    born = start - dt.timedelta(days=days)
    draw = rng.random()
    if draw < 0.16:
        return dt.date(born.year, 1, 1), "year"
    if draw < 0.22:
        return born.replace(day=1), "month"
    return born, "day"


def _sizes(rng: random.Random, total: int, weights: dict[int, float]) -> list[int]:
    sizes: list[int] = []
    while sum(sizes) < total:
        size = rng.choices(list(weights), list(weights.values()))[0]
        sizes.append(min(size, total - sum(sizes)))
    return sizes


def of_one_family(people: list[Resident], start: dt.date) -> None:
    """Grown-ups whose ages fit each other's and the children's, those born since too: couples within
    ten years, brothers and sisters within fourteen, parents eighteen years older, mothers under 46
    at a birth. Grown-ups stay grown-ups, so nothing that was drawn for them changes."""
    head, *others = people
    children = [p.age(start) for p in others if p.role == "child"]
    fathers, mothers = (18, 95), (18, 95)
    if children:
        fathers = max(children) + 19, min(children) + 55
        mothers = max(children) + 19, min(children) + 45
    for person in people:
        age, (low, high) = person.age(start), fathers if person.sex == "male" else mothers
        if person.role == "spouse":
            low, high = max(low, head.age(start) - 10), min(high, head.age(start) + 10)
        elif person.role == "sibling":
            low, high = max(19, head.age(start) - 14), head.age(start) + 14
        elif person.role == "parent":
            low, high = max(62, head.age(start) + 18), 95
        elif person.role == "child":
            continue
        if low <= age <= high:
            continue
        # As far within what is possible as the age was within its own years, 22 to 74.
        wanted = round(low + max(high - low, 0) * (min(max(age, 22), 74) - 22) / 52)
        born = person.birth
        day = min(born.day, 28)  # the 29th of February is not in every year
        person.birth = born.replace(year=born.year + age - wanted, day=day)
        person.needs = [need for need in person.needs if need != "ER"]
        if wanted > 62:
            person.needs.append("ER")


def households(rng: random.Random, start: dt.date) -> list[list[Resident]]:
    """All households on the first day, the small facility's first."""
    plan = [
        ("recognised_group", 226, "F", {1: 0.45, 2: 0.2, 3: 0.15, 4: 0.12, 5: 0.08}, 2021),
        ("main_group", 4030, "M", {1: 0.62, 2: 0.17, 3: 0.09, 4: 0.07, 5: 0.03, 6: 0.02}, 2012),
    ]
    found: list[list[Resident]] = []
    for group, total, letter, weights, since in plan:
        number = 0
        for index, size in enumerate(_sizes(rng, total, weights), start=1):
            household = f"{letter}H{index:04d}"
            family, family_latin = rng.choice(FAMILIES)
            head_sex = "female" if rng.random() < (0.38 if size == 1 else 0.2) else "male"
            language = rng.choices(["fa", "ar", "ckb"], [0.78, 0.14, 0.08])[0]
            arrived = dt.date(since, rng.randint(1, 12), rng.randint(1, 28))
            people: list[Resident] = []
            lone_parent = size > 2 and rng.random() < 0.18
            for place in range(size):
                number += 1
                if place == 0:
                    sex, role, low, high = head_sex, "head", 22, 74
                elif place == 1 and not lone_parent:
                    sex = "male" if head_sex == "female" else "female"
                    role, low, high = "spouse", 22, 68
                elif rng.random() < 0.12:
                    sex, role, low, high = rng.choice(["male", "female"]), "parent", 62, 84
                else:
                    sex, role, low, high = rng.choice(["male", "female"]), "child", 1, 17
                if size == 2 and place == 1 and rng.random() < 0.15:
                    sex, role, low, high = rng.choice(["male", "female"]), "sibling", 19, 60
                born, precision = _birth(rng, low, high, start)
                given, given_latin = rng.choice(MEN if sex == "male" else WOMEN)
                father, father_spellings = rng.choice(MEN)
                adult = (start - born).days >= 18 * 365.25
                if group == "recognised_group":
                    affiliation = "former_member" if adult else "none"
                elif not adult or role == "parent":
                    affiliation = "family_member"
                else:
                    affiliation = rng.choices(["member", "family_member"], [0.86, 0.14])[0]
                needs = []
                if rng.random() < 0.07:
                    needs.append("SM")
                if rng.random() < 0.05:
                    needs.append("DS")
                if (start - born).days > 62 * 365:
                    needs.append("ER")
                if lone_parent and role == "head":
                    needs.append("SP")
                if rng.random() < 0.03:
                    needs.append("TR")
                people.append(
                    Resident(
                        f"{letter}-{number:04d}", household, given, given_latin, family,
                        family_latin, father, rng.choice(father_spellings), sex, born, precision,
                        role, group, affiliation, language, arrived, adult, needs,
                    )
                )  # fmt: skip
            found.append(people)
    return found
