"""Names of two classes, the negative one first: in other languages, glued, negated, and names that say nothing."""

import pytest

from fxkit.data.positive import choose_order

PAIRS = """
NoFracture|Fracture
Nonfractured|Fractured
none|fracture
Without fracture|Fracture
unbroken|broken
unremarkable|fracture
Keine_Fraktur|Fraktur
not_fractured|fractured
normal|abnormal
Normal|AbNormal
NOFRACTURE|FRACTURE
no finding|finding
intact|fractured
w/o fracture|with fracture
without|with
sans fracture|fracture
pas de fracture|fracture
non fracturé|fracturé
sin fractura|con fractura
senza frattura|frattura
zonder breuk|breuk
niet gebroken|gebroken
ingen fraktur|fraktur
ei murtumaa|murtuma
brak złamania|złamanie
bez zlomeniny|zlomenina
kırık yok|kırık
não fraturado|fraturado
нет перелома|перелом
без перелома|с переломом
χωρίς κάταγμα|κάταγμα
لا يوجد كسر|كسر
ללא שבר|שבר
无骨折|骨折
骨折なし|骨折あり
골절 없음|골절
正常|不正常
阴性|阳性
0|1
0.0|1.0
-1|1
false|true
No|Yes
non|oui
nein|ja
class0|class1
is_fractured=0|is_fractured=1
0_normal|1_fracture
fx-|fx+
fracture (-)|fracture (+)
-|+
N|Y
nofx|fx
nocast|cast
nonfrac|frac
benign|malignant
control|case
normal|not_normal
healthy|unhealthy
stable|unstable
nondisplaced|displaced
non-displaced fracture|displaced fracture
union|nonunion
Union|Non Union
fracture_negative|fracture_positive
negative for fracture|positive for fracture
fracture absent|fracture present
fracture_no|fracture_yes
fracture-free|fracture
Frakturfrei|Fraktur
Fracture: none|Fracture: present
no acute fracture|suspected fracture
no fracture (control)|fracture
healed fracture|fresh fracture
other|fracture
clavicle|clavicle fracture
NORMAL|pneumonia
unauffällig|auffällig
no evidence of fracture|fracture
noBrokenBone|brokenBone
NOFinding|Finding
"""

UNCLEAR = """
Nordic|Iberic
Unity|Alpha
notch|groove
Normandy|Brittany
Noah|Emma
left|right
a|b
1|2
Type 1|Type 2
nook|cranny
until|after
Sansa|Arya
M|F
notable|ordinary
un os|une main
Da Nang|Hanoi
Nonagon|Octagon
No. 5|No. 7
Posterior|Anterior
complete|incomplete
normal|healthy
fracture|broken
not a|not b
structure|manufacture
fraction|refraction
Nonna|Nonno
sem|tem
"""


@pytest.mark.parametrize("pair", PAIRS.strip().splitlines())
def test_the_name_of_a_finding_is_positive(pair: str) -> None:
    negative, positive = pair.split("|")
    for labels in ((negative, positive), (positive, negative)):
        order = choose_order(labels)
        assert (order.classes, order.guessed) == ((negative, positive), False)


@pytest.mark.parametrize("pair", UNCLEAR.strip().splitlines())
def test_names_without_a_finding_are_a_guess_by_alphabet(pair: str) -> None:
    order = choose_order(pair.split("|"))
    assert order.guessed
    assert order.classes == tuple(sorted(pair.split("|")))
