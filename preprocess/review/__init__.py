"""The review page of a cleaned folder, and the tests it shows."""
