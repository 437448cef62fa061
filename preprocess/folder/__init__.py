"""Clean a folder of films: sources, processes, resume and ledger."""
