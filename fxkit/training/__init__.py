"""Training: films.py builds the loaders, learner.py is the Lightning module, phases.py runs it, history.py logs it."""
