"""Draw a synthetic marker of any kind, with the frequency that each kind has in training."""

import numpy as np

from preprocess.markernet.annotations import draw_annotation, draw_labelled_annotation
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
from preprocess.markernet.print_lines import draw_border_line, draw_data_block, draw_dotted_text, draw_sticker

KINDS = {  # probability of each kind
    draw_burned_text: 0.16,
    draw_caption: 0.05,
    draw_border_line: 0.09,
    draw_data_block: 0.04,
    draw_dotted_text: 0.02,
    draw_label_box: 0.09,
    draw_sticker: 0.02,
    draw_label_with_letter: 0.11,
    draw_lead_letters: 0.17,
    draw_metal_tag: 0.03,
    draw_circled_letter: 0.04,
    draw_icon_marker: 0.07,
    draw_watermark: 0.03,
    draw_annotation: 0.06,
    draw_labelled_annotation: 0.02,
}


def draw_marker(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw one marker of a random kind around a centre (x, y)."""
    kinds = list(KINDS)
    return kinds[int(rng.choice(len(kinds), p=list(KINDS.values())))](rng, centre, pose)
