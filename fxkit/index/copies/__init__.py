"""Find the files that are copies of one film from their pixels alone: features, candidates, comparison, groups."""
