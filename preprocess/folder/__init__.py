"""Clean a folder of films: list the files, spread the work over processes, resume, and keep a ledger."""
