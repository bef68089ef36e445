"""Checks of everything that can keep spans from appearing: plain data, then text.

`examination` starts the interpreter to be examined; `inside` and what it calls run in there.
"""
