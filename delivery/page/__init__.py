"""The page of a stack: one HTML file that says what runs, what was released and what is in flight."""
