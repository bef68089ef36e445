"""How the process is begun that writes and ends: the last lines of the program around `work()`."""

from __future__ import annotations

_PROCESS = """\
import multiprocessing
process = multiprocessing.get_context("{context}").Process(target=work)
process.start()
process.join()
print("ended", process.exitcode)
"""
_EXECUTOR = """\
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
context = multiprocessing.get_context("{context}")
with ProcessPoolExecutor(1, mp_context=context) as executor:
    try:
        print(executor.submit(work).result())
    except BaseException as error:
        print(type(error).__name__)
"""
_WAIT = "    print('ended', os.waitstatus_to_exitcode(os.wait()[1]))\n"
_CONTEXTS = ("fork", "spawn", "forkserver")
METHODS = {
    "the main thread": "work()\n",
    "a thread": """\
thread = threading.Thread(target=work)
thread.start()
thread.join()
""",
    "os.fork": f"""\
if os.fork() == 0:
    work()
else:
{_WAIT}""",
    "os.fork after writes": f"""\
write(1)
if os.fork() == 0:
    work()
else:
{_WAIT}""",
    "os.fork in a thread": f"""\
def fork():
    if os.fork() == 0:
        work()
    else:
    {_WAIT}
thread = threading.Thread(target=fork)
thread.start()
thread.join()
""",
    "subprocess": """\
if "child" in sys.argv:
    work()
else:
    print("ended", subprocess.run([sys.executable, __file__, "child"]).returncode)
""",
    **{f"Process, {each}": _PROCESS.format(context=each) for each in _CONTEXTS},
    **{f"ProcessPoolExecutor, {each}": _EXECUTOR.format(context=each) for each in _CONTEXTS},
}
"""By name."""
