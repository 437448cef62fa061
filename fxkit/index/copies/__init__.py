"""Find files that are copies of one film by their pixels alone: features, candidates, comparison, groups."""
