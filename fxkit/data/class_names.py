"""Read from the name of a class whether it means a finding ("Fracture") or its absence ("NoFracture").

A name is split into words at spaces, signs and capitals. Some words mean a finding, others its absence, and a negation
turns the word after it: "not_fractured" is negative, "not_normal" positive, "Nordic" neither. Each list holds words of
the languages that data sets are labelled in, without accents and in lower case, as `fold` returns them.
"""

import re
import unicodedata

POSITIVE, NEGATIVE, UNCLEAR = 1, -1, 0

LETTERS = str.maketrans("łøđıæ", "lodia")  # letters that do not decompose into a letter and an accent


def fold(text: str) -> str:
    """Return a text without accents, full-width forms and capitals."""
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if unicodedata.category(c) != "Mn").casefold().translate(LETTERS)


def _words(text: str) -> frozenset[str]:
    return frozenset(fold(text).split())


FINDINGS = _words(
    "abnormal abnormals abnormality abnormalities anormal anormale anomal anomaly anomalous pathological "
    "pathology pathologic positive positives positiv positif positivo positiva positief pozitif pozytywny pos "
    "true yes present detected disease diseased sick ill injured injury injuries damaged lesion lesions "
    "malignant unstable unhealthy displaced nonunion nonunited malunion malunited pseudarthrosis "
    "pseudoarthrosis fx frx frac fract break broken bruch gebrochen breuk gebroken brud brudd brott rotto "
    "rotta roto rota casse cassee cassure quebrado murtuma zlamanie zlamany zlomenina kirik tores сломан "
    "καταγμα كسر שבר krank malade"
)

FINDING_PARTS = tuple(map(fold, ("fractur", "fractuur", "fraktur", "frattur", "fratur", "złaman", "zlomen", "перелом")))

FINDING_ENDS = ("knochenbruch", "beinbruch", "armbruch", "botbreuk", "benbrott", "knoglebrud")

HEALTHY = _words(
    "normal normals normale normalen normaler normales normaux normali normaal normalt normalny normalna "
    "normalbefund norma норма нормальный healthy health intact intakt intatto intatta intacto intacta intacte "
    "heel sain saine sains sano sana sani gesund gesunde gezond frisk sund zdrowy zdravy saludable saudavel "
    "saglam saglikli здоровый healed control controls controle kontroll kontrolle kontrol controllo "
    "unremarkable unauffallig unaffected uninvolved unharmed asymptomatic benign benigne benigno stable "
    "background wnl ok okay طبيعي سليم תקין"
)

ABSENT = _words(  # these turn a name even if it also has a word for the finding: "fracture_negative"
    "negative negatives negativ negativo negativa negatif negatief negatywny neg none nil absent absence "
    "abwesend false free frei libre excluded ausgeschlossen exclu exclue"
)

ALONE = _words(  # a whole name that is one of these is negative
    "no not non nein nicht nej nee nie nao нет οχι いいえ لا without ohne sans senza zonder"
)

NEGATIONS = ALONE | _words(
    "wo never kein keine keinen keiner keinerlei pas aucun aucune sin ningun ninguna nessun nessuna niente "
    "geen niet sem nenhum nenhuma ikke ingen inget uden uten inte utan ilman bez brak nincs yok fara без не "
    "χωρις δεν بدون ללא אין לא khong tidak tanpa 无 無 没有 沒有 なし 없음 없는"
)

PREFIXES = ("non", "not", "no", "un", "kein", "ohne", "sans")  # written in one word with what they negate

SHORT = ("fx", "frx")  # the words of fewer than four letters before which a prefix counts: "nook" is not "no" and "ok"

# Chinese, Japanese and Korean do not separate words.
JOINED_NEGATIONS = tuple(
    map(fold, ("无", "無", "没有", "沒有", "未", "非", "不", "なし", "なく", "ない", "없음", "없는"))
)
JOINED_FINDINGS = tuple(map(fold, ["骨折", "异常", "異常", "阳性", "陽性", "골절", "이상"]))
JOINED_HEALTHY = tuple(map(fold, ["正常", "健康", "健常", "良性", "阴性", "陰性", "정상", "음성"]))

PAIRS = {"-": "+", "n": "ypaf", "f": "t"}  # names of one character: the negative one and its opposites


def polarities(one: str, other: str) -> tuple[int, int]:
    """Return POSITIVE, NEGATIVE or UNCLEAR for each of two names, where some are clear only beside the other one."""
    names = one.strip().casefold(), other.strip().casefold()
    for negative, positives in PAIRS.items():
        if names[0] == negative and names[1] in positives:
            return NEGATIVE, POSITIVE
        if names[1] == negative and names[0] in positives:
            return POSITIVE, NEGATIVE
    numbers = _number(one), _number(other)
    if None not in numbers:
        return _number_polarity(numbers[0]), _number_polarity(numbers[1])
    words = [_split(name) for name in (one, other)]
    if len(words[0]) == len(words[1]):
        differing = [pair for pair in zip(*words, strict=True) if pair[0] != pair[1]]
        if len(differing) == 1 and set(differing[0]) == {"0", "1"}:
            return (NEGATIVE, POSITIVE) if differing[0][0] == "0" else (POSITIVE, NEGATIVE)
    return polarity(one, words[1]), polarity(other, words[0])


def polarity(name: str, beside: list[str] | None = None) -> int:
    """Return POSITIVE, NEGATIVE or UNCLEAR for a name by itself.

    Args:
        beside: words of the other class; "nofx" is negative beside "fx" whatever "fx" means.
    """
    sign = re.search(r"[+-](?=[\s)\]]*$)", name.strip())
    if sign and _split(name):
        return POSITIVE if sign[0] == "+" else NEGATIVE
    number = _number(name)
    if number is not None:
        return POSITIVE if number == 1 else _number_polarity(number)
    values = _read(_split(name), frozenset(beside or ()))
    if NEGATIVE in values and not ABSENT.isdisjoint(_split(name)):  # "fracture_negative", "negative for fracture"
        return NEGATIVE
    return values.pop() if len(values) == 1 else UNCLEAR


def _number(name: str) -> float | None:
    return float(name) if re.fullmatch(r"\s*[+-]?\d+(\.\d*)?\s*", name) else None


def _number_polarity(number: float | None) -> int:
    return NEGATIVE if number is not None and number <= 0 else UNCLEAR


def _split(name: str) -> list[str]:
    """Return the folded words of a name: "NoFracture" gives "no", "fracture". A known word is not split at capitals."""
    plain = re.sub(r"\bw\s*[/.]\s*o\b", "without", name, flags=re.IGNORECASE)
    words: list[str] = []
    for run in re.findall(r"[^\W\d_]+|\d+", unicodedata.normalize("NFC", plain)):
        known = _single(fold(run)) != UNCLEAR or fold(run) in NEGATIONS
        words += [fold(run)] if known else map(fold, re.findall(r"[^\W\d_]+|\d+", _space_capitals(run)))
    return _join_known(words)


def _space_capitals(run: str) -> str:
    """Return a word with a space before each capital that begins another word: "NOFinding" gives "NO Finding"."""
    starts = (
        i > 0 and c.isupper() and (run[i - 1].islower() or run[i + 1 : i + 2].islower()) for i, c in enumerate(run)
    )
    return "".join(" " * start + c for start, c in zip(starts, run, strict=True))


def _join_known(words: list[str]) -> list[str]:
    """Join two words that are one known word, such as "non" and "union"."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in ("non", "un", "ab", "mal") and joined[-1] + word in FINDINGS:
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _single(word: str) -> int:
    """Return the meaning of one folded word."""
    if word in HEALTHY or word in ABSENT:
        return NEGATIVE
    if word in FINDINGS or word.endswith(FINDING_ENDS) or word.startswith("abnorm"):
        return POSITIVE
    if any(part in word for part in (*JOINED_FINDINGS, *JOINED_HEALTHY)):
        meaning = POSITIVE if any(part in word for part in JOINED_FINDINGS) else NEGATIVE
        return -meaning if any(part in word for part in JOINED_NEGATIONS) else meaning
    for prefix in PREFIXES:
        rest = word.removeprefix(prefix)
        if rest != word and (len(rest) > 3 or rest in SHORT) and _single(rest) != UNCLEAR:
            return -_single(rest)
    for end in ("frei", "free"):
        if word.endswith(end) and _single(word.removesuffix(end)) == POSITIVE:
            return NEGATIVE
    return POSITIVE if any(part in word for part in FINDING_PARTS) else UNCLEAR


def _read(words: list[str], beside: frozenset[str]) -> set[int]:
    """Return the meanings of the words, each turned by a negation before it."""
    values: list[int] = []
    negated, since = False, 0  # whether a negation waits for its word, and the words since
    for number, word in enumerate(words):
        meaning = _single(word)
        if (word in NEGATIONS and meaning == UNCLEAR) or _is_un(words, number):
            negated, since = True, 0
        elif meaning != UNCLEAR:
            values.append(-meaning if negated else meaning)
            negated = False
        else:
            since += 1
            rests = {word.removeprefix(prefix) for prefix in ("non", "not", "no")} - {word}
            if any(len(rest) > 2 for rest in rests & beside):
                values.append(NEGATIVE)
    if negated and since:  # "no finding"
        values.append(NEGATIVE)
    elif negated and values:  # "fracture: no"
        values[-1] = -values[-1]
    elif negated and words[-1] in ALONE:
        values.append(NEGATIVE)
    return set(values)


def _is_un(words: list[str], number: int) -> bool:
    """Return whether a word is the prefix "un" before a known word, as in "un-fractured"; French "un" is none."""
    return words[number] == "un" and number + 1 < len(words) and _single(words[number + 1]) != UNCLEAR
