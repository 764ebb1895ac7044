"""Bytes that nobody would write, guided by what they make the code do (libFuzzer, by way of atheris).

`make fuzz` runs every target for FUZZ_S seconds; `make test` for a few. A target takes bytes and raises when a promise
is broken; what is found is left as a file whose name is printed, and `python -m tests.fuzz.run TARGET FILE` tries it
again.
"""
