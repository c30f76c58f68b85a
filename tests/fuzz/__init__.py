"""Coverage-guided fuzzing, run by hand: `pip install atheris`, then `python -m tests.fuzz.decode`."""
