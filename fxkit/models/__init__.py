"""The classifier: backbones, run folders, predictions, exports and sharing."""
