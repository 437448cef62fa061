"""Review page of a cleaned folder: ranking of the films, and tests of marker against class."""
