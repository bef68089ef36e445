# ruff: noqa: ANN202, INP001, PTH100, PTH119, PTH120, UP031 - every Python inherits PYTHONPATH
# ruff: noqa: PLC0415 - what is imported depends on the path at that moment
"""Start the agent, then run the sitecustomize that this one stands in front of."""

import os
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))


def _start():
    if sys.version_info < (3, 10) or os.environ.get("AUTOINSTRUMENT_ENABLED", "0") in ("", "0"):
        return
    try:
        _find_boot()()
    except BaseException as error:  # noqa: BLE001 - site ends the interpreter on a SystemExit
        if not getattr(sys, "_autoinstrument_unusable", False):
            sys._autoinstrument_unusable = True  # noqa: SLF001 - the agent may not be there to say so
            if sys.stderr:
                reason = "%s: %s" % (type(error).__name__, error)
                sys.stderr.write("autoinstrument: not started: %s (agent-failed)\n" % reason)


def _find_boot():
    try:
        from autoinstrument.start import boot
    except ImportError:
        sys.modules.pop("autoinstrument", None)  # any folder of that name can be imported
        # On the path for this one import: the package finds its other modules itself.
        sys.path.append(_home())
        try:
            from autoinstrument.start import boot
        finally:
            sys.path.pop()
    return boot


def _home():
    """Return the folder that holds the package: in the wheel, this file is inside the package."""
    above = os.path.dirname(_FOLDER)
    inside = os.path.basename(_FOLDER) == "_startup"
    return os.path.dirname(above) if inside else above


def _run_next():
    ours = [at for at in enumerate(sys.path) if os.path.abspath(at[1]) == _FOLDER]
    for _, entry in ours:
        sys.path.remove(entry)
    this = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401 - for what it does
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
        # There is none. The interpreter reports an import that leaves no module behind.
        sys.modules["sitecustomize"] = this
    finally:
        # Programs hand their own path to their children.
        for index, entry in ours:
            sys.path.insert(index, entry)


_start()
_run_next()
