"""Makes names.csv, the labelled pairs of `benchmarks/names.py`, from the tables below.

The spellings were written by hand from published romanisations (ALA-LC, BGN/PCGN, UN, Hawar),
passport practice in Iran, Iraq and Syria, and published lists of given and family names; no real
person's name is used as such: given and family names are put together at random by a fixed seed.
A name is either in the development half or in the test half, never in both. Run it only to
change the set; the CSV is what counts and is kept with the project.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

# latin spellings | spellings in Arabic letters. d: development half, t: test half.
PERSIAN_GIVEN = """
d Mohammad Muhammad Mohammed Mohamad|محمد
d Hossein Hussein Hosein Husain|حسین حسين
d Fatemeh Fatima Fateme Fatimah|فاطمه فاطمة
d Mehdi Mahdi Mehdy|مهدی مهدي
d Ardeshir Ardashir Ardesheer|اردشیر اردشير
d Golnaz Gulnaz Golnaaz|گلناز
d Mehrdad Mihrdad Mehrdaad|مهرداد
d Khosrow Khosro Khusrau Xosrow|خسرو
d Keyvan Kayvan Keivan Kaivan|کیوان كيوان
d Roya Ruya Rooya|رویا رؤیا
d Firouz Firuz Firooz Feeruz|فیروز فيروز
d Siavash Siyavash Siavosh|سیاوش سياوش
d Nematollah Nematullah Ne'matollah Nimatullah|نعمت‌الله نعمت الله نعمةالله
d Gholamreza Ghulamreza Qolamreza Gholam-Reza|غلامرضا غلام‌رضا
d Alireza Ali-Reza Aliriza|علیرضا علی‌رضا عليرضا
d Abdolhossein Abdulhussein Abdol-Hossein|عبدالحسین عبد الحسين
d Masoumeh Massoumeh Masume Ma'soumeh|معصومه معصومة
d Shahnaz Shehnaz Chahnaz|شهناز
d Esfandiar Esfandyar Isfandiyar|اسفندیار اسفنديار
d Zhaleh Jaleh Zhale|ژاله
d Ghobad Qobad Ghubad|قباد
d Tooraj Touraj Turaj|تورج
d Farzaneh Farzane Farzanah|فرزانه
d Changiz Chengiz Tchanguiz|چنگیز چنگيز
t Ali Aly|علی علي
t Zahra Zehra Zahraa|زهرا زهراء
t Reza Riza Rida|رضا
t Maryam Mariam Meryam|مریم مريم
t Ebrahim Ibrahim Ebraheem|ابراهیم إبراهيم ابراهيم
t Yousef Yusef Youssef Yousof|یوسف يوسف
t Manouchehr Manuchehr Manoochehr|منوچهر
t Setareh Sitareh Setare|ستاره
t Tahmineh Tahmine Tahmina|تهمینه تهمينه
t Pejman Pezhman Pejmaan|پژمان
t Hooman Human Houman|هومن
t Anoushirvan Anushirvan Anooshiravan|انوشیروان انوشيروان
t Mahmoudreza Mahmud-Reza Mahmoodreza|محمودرضا محمود رضا
t Fathollah Fathullah Fatholla Fath-Allah|فتح‌الله فتح الله
t Habibollah Habibullah Habib-Allah|حبیب‌الله حبيب الله
t Mohammadali Mohammad-Ali Muhammadali|محمدعلی محمد علي
t Abdolreza Abdulreza Abdorreza Abd-ol-Reza|عبدالرضا عبد الرضا
t Ghodratollah Qodratollah Ghudratullah|قدرت‌الله قدرت الله
t Simin Seemin Symin|سیمین سيمين
t Taraneh Tarane Taraaneh|ترانه
t Kiumars Kiomars Keyoumars Kyumars|کیومرث كيومرث
t Jamileh Jamila Jamile|جمیله جميلة
t Parisa Pareesa Parissa|پریسا پريسا
t Vajiheh Wajiha Vajihe|وجیهه وجيهة
"""
PERSIAN_FAMILY = """
d Moradi Muradi Mouradi|مرادی مرادي
d Rezaei Rezai Rezaee Rezayi|رضایی رضائي رضایي
d Ahmadzadeh Ahmad-Zadeh Ahmadzade|احمدزاده احمد زاده
d Ghorbani Qorbani Ghurbani|قربانی قرباني
d Soltani Sultani Soltany|سلطانی سلطاني
d Bagheri Baqeri Baghery|باقری باقري
d Khosravi Khosrawi Xosravi|خسروی خسروي
d Shirazi Shiraazi Chirazi|شیرازی شيرازي
d Jafarpour Jafar-Pour Jaafarpoor|جعفرپور جعفر پور
d Daneshvar Daneshwar Danishvar|دانشور
d Yazdanpanah Yazdan-Panah|یزدان‌پناه یزدان پناه
d Kazemi Kazimi Kadhimi|کاظمی كاظمي
d Naderian Nadirian Naderyan|نادریان نادريان
d Mirzaei Mirzai Mirzayi Mirzaee|میرزایی ميرزائي
t Rostami Rustami Rostamy|رستمی رستمي
t Sharifi Shareefi Sharify|شریفی شريفي
t Norouzi Nowruzi Nourouzi Noruzi|نوروزی نوروزي
t Hashemi Hashimi Hachemi|هاشمی هاشمي
t Kazemzadeh Kazem-Zadeh Kazimzadeh|کاظم‌زاده کاظم زاده
t Vaziri Waziri Vazeeri|وزیری وزيري
t Tabatabaei Tabatabai Tabatabaee|طباطبایی طباطبائي
t Ghasemnejad Qasem-Nejad Ghasemnezhad|قاسم‌نژاد قاسم نژاد
t Esfahani Isfahani Esfehani|اصفهانی اصفهاني
t Zolfaghari Zulfaqari Zolfeqari|ذوالفقاری ذوالفقاري
t Gholizadeh Qolizadeh Gholi-Zadeh|قلی‌زاده قلی زاده
t Khajehpour Khajepour Khajeh-Poor|خواجه‌پور خواجه پور
t Chamani Chamany Tchamani|چمنی چمني
t Alipour Ali-Pour Alipoor|علی‌پور علی پور
"""
ARABIC_GIVEN = """
d Ahmed Ahmad Ahmet|أحمد احمد
d Mahmoud Mahmud Mahmood|محمود
d Abdulrahman Abdul-Rahman Abdurrahman Abd_al-Rahman|عبدالرحمن عبد_الرحمن
d Haitham Haytham Heitham|هيثم هیثم
d Ghassan Gassan Ghasan|غسان
d Luay Louay Luai|لؤي لؤی
d Firas Feras Firass|فراس
d Thamer Thamir Samer-x|ثامر
d Intisar Entesar Intissar|انتصار إنتصار
d Suad Souad Su'ad|سعاد
d Dhia Diya Zia|ضياء ضیاء ضیا
d Khadija Khadijah Khadeeja|خديجة خدیجه
d Shukri Choukri Shoukry|شكري شکری
d Ayad Iyad Eyad|إياد اياد ایاد
d Qutaiba Kutaiba Qutayba|قتيبة قتیبه
d Nouri Noori Nuri|نوري نوری
t Omar Umar Omer|عمر
t Khalid Khaled Halid|خالد
t Abdulaziz Abdul-Aziz Abdelaziz Abd_al-Aziz|عبدالعزيز عبد_العزيز عبدالعزیز
t Laith Layth Leith|ليث لیث
t Muthanna Mothanna Muthana|مثنى مثنی
t Raghad Ragad Raghd|رغد
t Ibtisam Ebtesam Ibtissam|ابتسام إبتسام
t Dhafer Zafer Dhafir|ظافر
t Sabah Sabaah|صباح
t Widad Wedad Vidad|وداد
t Hudhaifa Huzaifa Hudhayfa|حذيفة حذیفه
t Tariq Tarek Tareq Tarik|طارق
t Jawdat Jaudat Cewdet|جودت
t Aisha Aysha Aicha|عائشة عایشه
t Ridwan Rizwan Redwan|رضوان
t Yahya Yahia Yehya|يحيى یحیی
"""
ARABIC_FAMILY = """
d al-Obaidi Alobaidi Al_Ubaidi El_Obeidi|العبيدي العبیدی
d al-Jubouri Aljuburi Al_Jabouri Jubouri|الجبوري الجبوری
d al-Shammari Alshamari Al_Shamari Shammari|الشمري الشمری
d al-Dulaimi Aldulaimi Al_Dulaymi Dulaimi|الدليمي الدلیمی
d Haddad Hadad Haddaad|حداد
d al-Tamimi Altamimi Tamimi At-Tamimi|التميمي التمیمی
t al-Khafaji Alkhafaji Al_Khafagi Khafaji|الخفاجي الخفاجی
t al-Zubaidi Alzubaidi Az-Zubaydi Zubaidi|الزبيدي الزبیدی
t al-Rubaie Alrubaie Al_Rubaye Rubaie|الربيعي الربیعی
t al-Saadi Alsaadi As-Sa'di Saadi|السعدي السعدی
t Khoury Khouri Khuri|خوري خوری
t al-Tikriti Altikriti Tikriti At-Tikreeti|التكريتي التکریتی
"""
KURDISH_GIVEN = """
d Azad Azaad|آزاد ئازاد
d Barzan Berzan|بارزان برزان
d Hejar Hajar-x Hejaar Hejar|هەژار هه‌ژار
d Sirwan Sirvan Sîrwan|سیروان سيروان
d Nawzad Nowzad Newzad Nauzad|نوزاد نەوزاد
d Shilan Şîlan Sheelan|شیلان شيلان
d Mihemed Mohammed Muhammad|محەمەد محمد
d Bakhtiar Bextiyar Bakhtyar|بەختیار بختیار
d Gulistan Golestan Gulîstan|گوڵستان گلستان
d Rezan Rêzan Razan-x|ڕێزان ریزان
t Dilshad Dilşad Delshad|دڵشاد دلشاد
t Kawa Kawe Kaveh Kava|کاوە کاوه
t Rizgar Rzgar Rezgar|ڕزگار رزگار
t Chiman Çîmen Chimen Chiman|چیمەن چیمن
t Sherko Şêrko Shirko|شێرکۆ شیرکو
t Hoshyar Hoşyar Hushyar|هۆشیار هوشیار
t Xalid Khalid Khaled|خالید خالد
t Zhyan Jiyan Jian Zhian|ژیان ژيان
t Serwer Sarwar Sarvar|سەروەر سرور
t Ehmed Ahmad Ahmed|ئەحمەد احمد
"""
KURDISH_FAMILY = """
d Barzinji Berzencî Barzanji|بەرزنجی برزنجی
d Hawrami Hewramî Hourami Havrami|هەورامی هورامی
d Qadiri Qadirî Ghaderi Kaderi|قادری قادري
d Rasouli Resulî Rasuli|ڕەسووڵی رسولی
t Jaff Caf Jaf|جاف
t Naqshbandi Neqşebendî Naghshbandi|نەقشبەندی نقشبندی
t Zebari Zêbarî Zibari|زێباری زیباری
t Karimi Kerîmî Kareemi|کەریمی کریمی
t Mardoukhi Merdoxî Mardukhi|مەردۆخی مردوخی
"""
# Names that look or sound alike and are not one name. Latin | Arabic letters on each side.
LOOK_ALIKE_GIVEN = """
d Hassan حسن = Hossein حسین
d Hamid حمید = Hamed حامد
d Nasser ناصر = Nasir نصیر
d Saeed سعید = Saad سعد
d Mahmoud محمود = Mohammad محمد
d Jamal جمال = Jamil جمیل
d Majid مجید = Majed ماجد
d Zahra زهرا = Zohreh زهره
d Karim کریم = Akram اکرم
d Amir امیر = Amin امین
d Parvin پروین = Parviz پرویز
d Shahin شاهین = Shahnaz شهناز
d Mehdi مهدی = Mehran مهران
d Farid فرید = Farhad فرهاد
d Mina مینا = Minoo مینو
d Nader نادر = Nadia نادیا
d Fatemeh فاطمه = Faezeh فائزه
d Khaled خالد = Khalil خلیل
d Rahim رحیم = Rahman رحمان
d Soraya ثریا = Soheila سهیلا
t Ahmad احمد = Hamed حامد
t Salem سالم = Salim سلیم
t Rashid رشید = Rashed راشد
t Samir سمیر = Samer سامر
t Jalal جلال = Jalil جلیل
t Kamal کمال = Kamel کامل
t Ali علی = Ala علاء
t Omar عمر = Ammar عمار
t Saleh صالح = Salah صلاح
t Hashem هاشم = Hesham هشام
t Taher طاهر = Tahereh طاهره
t Yasin یاسین = Yaser یاسر
t Mansour منصور = Mansoureh منصوره
t Maryam مریم = Marjan مرجان
t Reza رضا = Razieh راضیه
t Zeinab زینب = Zinat زینت
t Jafar جعفر = Javad جواد
t Behzad بهزاد = Behrouz بهروز
t Sadegh صادق = Siddiq صدیق
t Dilan دیلان = Dilara دلارا
t Wahid وحید = Walid ولید
t Shirin شیرین = Shahin شاهین
t Golnar گلنار = Golnaz گلناز
t Mehrnaz مهرناز = Mehrnoush مهرنوش
"""
LOOK_ALIKE_FAMILY = """
d Karimi کریمی = Karimian کریمیان
d Hosseini حسینی = Hassani حسنی
d Mohammadi محمدی = Mahmoudi محمودی
d Rezaei رضایی = Razavi رضوی
d Ahmadi احمدی = Ahmadian احمدیان
d Moradi مرادی = Mirzaei میرزایی
d Jafari جعفری = Jabbari جباری
d Rahimi رحیمی = Rahmani رحمانی
t Salehi صالحی = Salehian صالحیان
t Rashidi رشیدی = Rasouli رسولی
t Amini امینی = Amiri امیری
t Naderi نادری = Nazari نظری
t Shariati شریعتی = Sharifi شریفی
t Gholami غلامی = Ghaemi قائمی
t Soltani سلطانی = Soleimani سلیمانی
t Kazemi کاظمی = Ghasemi قاسمی
t Kamali کمالی = Jamali جمالی
t Sadeghi صادقی = Sediqi صدیقی
"""
TITLED = ["Seyed", "Haji", "Sheikh", "Dr.", "Mullah", "Sayyid"]
TITLED_ARABIC = ["سید", "حاجی", "شیخ", "دکتر", "الحاج", "السيد"]


def table(text: str, half: str) -> list[tuple[list[str], list[str]]]:
    rows = []
    for line in text.strip().splitlines():
        if line.startswith(half + " "):
            latin, arabic = line[2:].split("|")
            # A line of one name; `_` is a space inside it and -x marks what was thought again.
            spell = [s.replace("_", " ") for s in latin.split() if not s.endswith("-x")]
            words = arabic.split(" ")
            rows.append((list(dict.fromkeys(spell)), group(words)))
    return rows


def group(words: list[str]) -> list[str]:
    """Spellings in Arabic letters; a word that only makes sense with the next is one with it."""
    heads = {"نعمت", "غلام", "عبد", "فتح", "حبیب", "حبيب", "قدرت", "محمود", "محمد", "احمد", "جعفر",
             "یزدان", "کاظم", "قاسم", "قلی", "خواجه", "علی"}  # fmt: skip
    made: list[str] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word in heads and at + 1 < len(words) and len(words) > 1 and made:
            made.append(word + " " + words[at + 1])
            at += 2
        else:
            made.append(word.replace("_", " "))
            at += 1
    return list(dict.fromkeys(made))


def pairs_of(half: str, seed: int) -> list[tuple[str, str, str, int, str]]:
    draw = random.Random(seed)
    cultures = [
        (table(PERSIAN_GIVEN, half), table(PERSIAN_FAMILY, half), 0),
        (table(ARABIC_GIVEN, half), table(ARABIC_FAMILY, half), 1),
        (table(KURDISH_GIVEN, half), table(KURDISH_FAMILY, half), 1),
    ]
    made: list[tuple[str, str, str, int, str]] = []

    def person(culture: int) -> list[tuple[list[str], list[str]]]:
        given, family, chain = cultures[culture]
        links = draw.sample(given, 1 + (draw.randint(1, 2) if chain else 0))
        return [*links, draw.choice(family)]

    def write(parts: list[tuple[list[str], list[str]]], script: int) -> str:
        return " ".join(draw.choice(part[script]) for part in parts)

    def culture() -> int:
        return draw.choices([0, 1, 2], [4, 3, 3])[0]

    def add(kind: str, a: str, b: str, same: int, scripts: str) -> None:
        if a != b and (kind, a, b, same, scripts) not in made:
            made.append((kind, a, b, same, scripts))

    def fill(kind: str, count: int, make) -> None:  # type: ignore[no-untyped-def]
        start, tries = len(made), 0
        while len(made) - start < count and tries < count * 30:
            tries += 1
            make(kind)

    def latin(kind: str) -> None:
        p = person(culture())
        add(kind, write(p, 0), write(p, 0), 1, "latin")

    def arabic(kind: str) -> None:
        p = person(culture())
        add(kind, write(p, 1), write(p, 1), 1, "arabic")

    def cross(kind: str) -> None:
        p = person(culture())
        add(kind, write(p, 0), write(p, 1), 1, "cross")

    def title(kind: str) -> None:
        p, script = person(culture()), draw.randint(0, 1)
        word = draw.choice([TITLED, TITLED_ARABIC][script])
        other = draw.randint(0, 1)
        scripts = "cross" if script != other else ("latin", "arabic")[script]
        add(kind, word + " " + write(p, script), write(p, other), 1, scripts)

    def order(kind: str) -> None:
        p, script, other = person(0), draw.randint(0, 1), draw.randint(0, 1)
        scripts = "cross" if script != other else ("latin", "arabic")[script]
        add(kind, write(p[::-1], script), write(p, other), 1, scripts)

    def shorter(kind: str) -> None:
        p, script, other = person(draw.choice([1, 2])), draw.randint(0, 1), draw.randint(0, 1)
        scripts = "cross" if script != other else ("latin", "arabic")[script]
        cut = draw.choice([p[:2], [p[0], p[-1]]])
        add(kind, write(p, script), write(cut, other), 1, scripts)

    def sibling(kind: str) -> None:
        c = culture()
        p = person(c)
        other_given = draw.choice([g for g in cultures[c][0] if g not in p])
        script, other = draw.randint(0, 1), draw.randint(0, 1)
        scripts = "cross" if script != other else ("latin", "arabic")[script]
        add(kind, write(p, script), write([other_given, *p[1:]], other), 0, scripts)

    def father(kind: str) -> None:
        p, script, other = person(draw.choice([1, 2])), draw.randint(0, 1), draw.randint(0, 1)
        scripts = "cross" if script != other else ("latin", "arabic")[script]
        add(kind, write(p, script), write(p[1:], other), 0, scripts)

    def unrelated(kind: str) -> None:
        c = culture()
        p, q = person(c), person(c)
        if any(part in q for part in p):
            return
        script, other = draw.randint(0, 1), draw.randint(0, 1)
        scripts = "cross" if script != other else ("latin", "arabic")[script]
        add(kind, write(p, script), write(q, other), 0, scripts)

    def cousin(kind: str) -> None:
        """Same given name, another family."""
        c = culture()
        p = person(c)
        family = draw.choice([f for f in cultures[c][1] if f not in p])
        script, other = draw.randint(0, 1), draw.randint(0, 1)
        scripts = "cross" if script != other else ("latin", "arabic")[script]
        add(kind, write(p, script), write([*p[:-1], family], other), 0, scripts)

    fill("spelling", 150, latin)
    fill("spelling", 70, arabic)
    fill("spelling", 150, cross)
    fill("title", 40, title)
    fill("order", 30, order)
    fill("shorter", 40, shorter)
    fill("sibling", 120, sibling)
    fill("father and child", 40, father)
    fill("namesake of another family", 70, cousin)
    fill("unrelated", 100, unrelated)
    for line in LOOK_ALIKE_GIVEN.strip().splitlines():
        if line.startswith(half + " "):
            left, right = (side.split() for side in line[2:].split(" = "))
            family = draw.choice(cultures[0][1])
            for script, other, scripts in ((0, 0, "latin"), (1, 1, "arabic"), (0, 1, "cross")):
                a = left[script] + " " + write([family], script)
                b = right[other] + " " + write([family], other)
                add("look-alike", a, b, 0, scripts)
    for line in LOOK_ALIKE_FAMILY.strip().splitlines():
        if line.startswith(half + " "):
            left, right = (side.split() for side in line[2:].split(" = "))
            given = draw.choice(cultures[0][0])
            for script, other, scripts in ((0, 0, "latin"), (1, 1, "arabic"), (0, 1, "cross")):
                a = write([given], script) + " " + left[script]
                b = write([given], other) + " " + right[other]
                add("look-alike", a, b, 0, scripts)
    return made


def main() -> None:
    path = Path(__file__).parent / "names.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["half", "kind", "scripts", "first", "second", "same"])
        for half, name, seed in (("d", "development", 1357), ("t", "test", 1403)):
            for kind, a, b, same, scripts in pairs_of(half, seed):
                writer.writerow([name, kind, scripts, a, b, same])


if __name__ == "__main__":
    main()
