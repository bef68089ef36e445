"""How a program is started: commands, in a folder that has it in each form that Python can run.

In a command `python` is the interpreter, `autoinstrument` the command beside it, and PROGRAM the
program's text, which is the standard input as well. Without the agent a command begins after `--`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

STARTS = {
    "a script": "python app.py",
    "a script that is executable": "./app.py",
    "a folder": "python package",
    "-m": "python -m app",
    "-m, a package": "python -m package",
    "-c": "python -c PROGRAM",
    "standard input": "python",
    "standard input, -": "python - argument",
    "a zipapp": "python app.pyz",
    "-i": "python -i app.py",
    "-I": "python -I app.py",
    "-E -s": "python -E -s app.py",
    "-OO -B -u": "python -OO -B -u app.py",
    "-X dev -W error": "python -X dev -W error app.py",
    "-X tracemalloc": "python -X faulthandler -X tracemalloc app.py",
    "a shell": "sh -c 'python app.py; echo $?'",
    "a shell that is replaced": "sh -c 'exec python app.py'",
    "timeout": "timeout 30 python app.py",
    "nohup": "nohup python app.py",
    "a session of its own": "setsid --wait python app.py",
    "runpy": 'python -c \'import runpy; runpy.run_path("app.py", run_name="__main__")\'',
    "run": "autoinstrument run -- python app.py",
    "run, -m": "autoinstrument run -- python -m app",
    "run, -c": "autoinstrument run -- python -c PROGRAM",
    "run, standard input": "autoinstrument run -- python",
    "run, a zipapp": "autoinstrument run -- python app.pyz",
    "run, -I": "autoinstrument run -- python -I app.py",
    "run, a shell": "autoinstrument run -- sh -c 'python app.py; echo $?'",
}
if sys.version_info >= (3, 11):
    STARTS["-P"] = "python -P app.py"
_AS_PID_1 = "unshare --pid --fork --kill-child"
if shutil.which("unshare") and not subprocess.call(
    [*_AS_PID_1.split(), "true"], stderr=subprocess.DEVNULL
):
    STARTS["as PID 1"] = f"{_AS_PID_1} python app.py"  # which SIGTERM does not end
