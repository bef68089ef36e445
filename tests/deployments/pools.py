"""Pools of processes, by each start method: what stands after the definition of `write`."""

from __future__ import annotations

from textwrap import indent

_CONTEXTS = ("fork", "spawn", "forkserver")


def in_each_context(name: str, main: str, before: str = "") -> dict[str, str]:
    """Return a program by each start method; `main` is what only the first process does."""
    head = f"""
import multiprocessing
def job(number):
    write(2)
    return number
{before}
if __name__ == "__main__":
    context = multiprocessing.get_context("CONTEXT")
"""
    text = head + indent(main, "    ")
    return {f"{name}, {each}": text.replace("CONTEXT", each) for each in _CONTEXTS}


POOLS = {
    **in_each_context(
        "with Pool",
        "with context.Pool(2) as pool:\n    print(sum(pool.map(job, range(4))))",
    ),
    **in_each_context(
        "a Pool closed and joined",
        """
pool = context.Pool(2)
print(sum(pool.imap_unordered(job, range(4))))
pool.close()
pool.join()
""",
    ),
    **in_each_context(
        "a Pool left to the end",
        "pool = context.Pool(2)\nprint(sum(pool.map(job, range(4))))",
    ),
    **in_each_context(
        "a Pool whose workers are replaced",
        """
pool = context.Pool(2, maxtasksperchild=1)
print(sum(pool.map(job, range(4), 1)))
pool.close()
pool.join()
""",
    ),
    **in_each_context(
        "a ProcessPoolExecutor of two",
        """
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2, mp_context=context) as executor:
    print(sum(executor.map(job, range(4))))
""",
    ),
    **in_each_context(
        "a ProcessPoolExecutor left to the end",
        """
from concurrent.futures import ProcessPoolExecutor
executor = ProcessPoolExecutor(2, mp_context=context)
print(sum(executor.map(job, range(4))))
""",
    ),
}
