"""What can keep spans from a user, checked one by one: plain data, then text.

`examination` starts the interpreter in question; `inside` and all that it calls run in there.
"""
