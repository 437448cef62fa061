"""What is the score worth without markers, without copies, with another backbone: one thing changed at a time."""
