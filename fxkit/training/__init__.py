"""The parts of training: films.py feeds it, learner.py learns, phases.py runs it, history.py writes it down."""
