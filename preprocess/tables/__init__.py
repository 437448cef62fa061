"""Tables that a person wrote or edited: how they are opened, and what their columns and cells mean."""
