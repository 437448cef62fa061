"""Draw a synthetic marker of any kind, with the frequency that each kind has in training."""

import numpy as np

from preprocess.markernet.console_markers import (
    draw_burned_text,
    draw_caption,
    draw_icon_marker,
    draw_label_box,
    draw_label_with_letter,
    draw_watermark,
)
from preprocess.markernet.laying import Points
from preprocess.markernet.lead_markers import draw_circled_letter, draw_lead_letters, draw_metal_tag
from preprocess.markernet.marker_parts import FilmPose, SyntheticMarker

KINDS = {  # probability of each kind
    draw_burned_text: 0.18,
    draw_caption: 0.07,
    draw_label_box: 0.12,
    draw_label_with_letter: 0.17,
    draw_lead_letters: 0.23,
    draw_metal_tag: 0.04,
    draw_circled_letter: 0.04,
    draw_icon_marker: 0.12,
    draw_watermark: 0.03,
}


def draw_marker(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw one marker of a random kind around a centre (x, y)."""
    kinds = list(KINDS)
    return kinds[int(rng.choice(len(kinds), p=list(KINDS.values())))](rng, centre, pose)
