"""The data card: what a data set holds, and whether its metadata alone tell the classes."""

from fxkit.datacard.card import Card
from fxkit.datacard.page import card_lines, write_card

__all__ = ["Card", "card_lines", "write_card"]
