"""The page of `fxkit review`: a person checks and corrects the markers of a cleaned folder in the browser."""
