"""Words of the metadata baseline that stand in data.json. Reading them needs none of the baseline's libraries."""

ALL = "all metadata"  # the figure that uses all kinds of metadata together

FAR_ABOVE, ABOVE, NONE, UNDECIDED = "far above chance", "above chance", "no evidence", "undecided"
