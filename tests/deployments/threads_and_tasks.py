"""Threads, and tasks of asyncio: what stands after the definition of `write`."""

from __future__ import annotations

THREADS_AND_TASKS = {
    "threads that are not daemons": """
def wait_and_write():
    time.sleep(0.3)
    write(2)
for _ in range(2):
    threading.Thread(target=wait_and_write).start()
""",
    "a ThreadPoolExecutor left to the end": """
from concurrent.futures import ThreadPoolExecutor
executor = ThreadPoolExecutor(2)
for _ in range(4):
    executor.submit(write, 1)
""",
    "a thread that an exception ends": """
def fail():
    write(3)
    raise ValueError("in a thread")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
""",
    "a list of threads": """
write(2)
time.sleep(1.2)
print([thread.name for thread in threading.enumerate()])
""",
    "weakref.finalize": """
import weakref
class Thing: pass
thing = Thing()
weakref.finalize(thing, write, 3)
""",
    "asyncio.run, a signal's handler": """
import asyncio
async def main():
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await asyncio.to_thread(write, 3)
    os.kill(os.getpid(), signal.SIGTERM)
    await stopping.wait()
    await asyncio.to_thread(write, 2)
asyncio.run(main())
""",
    "asyncio.run, a task that is cancelled": """
import asyncio
async def work():
    try:
        await asyncio.to_thread(write, 3)
        await asyncio.sleep(30)
    finally:
        await asyncio.to_thread(write, 2)
async def main():
    task = asyncio.create_task(work())
    asyncio.get_running_loop().call_later(1, task.cancel)
    await task
try:
    asyncio.run(main())
except asyncio.CancelledError:
    sys.exit(5)
""",
    "asyncio.run, Ctrl+C": """
import asyncio
async def main():
    await asyncio.to_thread(write, 3)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(30)
asyncio.run(main())
""",
}
