"""The classifier, its weights, its run folder, its predictions and its exports."""
