"""Servers of the web and of tasks, and daemons: commands as their documentation has them.

What the web servers serve writes when it is asked, and by ASGI when it is shut down as well. A
worker that is ready leaves a file, so that none is asked or stopped before.
"""

from __future__ import annotations

_READY = """
def ready():
    open(f"{TOPIC}-{os.getpid()}.ready", "w").close()
"""
ASGI = f"""{_READY}
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({{"type": "lifespan.startup.complete"}})
        ready()
        await receive()
        write(4)
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    write(3)
    headers = [(b"content-length", b"7"), (b"connection", b"close")]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    await send({{"type": "http.response.body", "body": b"written"}})
"""
WSGI = f"""{_READY}
def app(environ, start_response):
    write(3)
    start_response("200 OK", [("Content-Length", "7"), ("Connection", "close")])
    return [b"written"]
ready()
"""
_UVICORN = "python -m uvicorn app:app --port {port}"
_GUNICORN = "python -m gunicorn app:app --bind 127.0.0.1:{port} --no-control-socket"
_HYPERCORN = "python -m hypercorn app:app --bind 127.0.0.1:{port}"
_GRANIAN = "granian app:app --port {port}"
_UWSGI = "uwsgi --http-socket 127.0.0.1:{port} --wsgi app:app --need-app --master --die-on-term"
WEB_SERVERS = {
    "uvicorn": (_UVICORN, ASGI),
    "uvicorn by run": (f"autoinstrument run -- {_UVICORN}", ASGI),
    "uvicorn --workers": (f"{_UVICORN} --workers 2", ASGI),
    "uvicorn --reload": (f"{_UVICORN} --reload", ASGI),
    "gunicorn": (_GUNICORN, WSGI),
    "gunicorn by run": (f"autoinstrument run -- {_GUNICORN}", WSGI),
    "gunicorn --threads": (f"{_GUNICORN} --workers 2 --threads 2", WSGI),
    "gunicorn --preload": (f"{_GUNICORN} --preload", WSGI),
    "gunicorn --preload, after writes": (f"{_GUNICORN} --preload", f"{WSGI}\nwrite(2)\n"),
    "gunicorn --max-requests": (f"{_GUNICORN} --max-requests 2", WSGI),
    "gunicorn, uvicorn's worker": (f"{_GUNICORN} -k uvicorn_worker.UvicornWorker", ASGI),
    "hypercorn": (_HYPERCORN, ASGI),
    "hypercorn --workers": (f"{_HYPERCORN} --workers 2", ASGI),
    "granian": (f"{_GRANIAN} --interface asgi", ASGI),
    "granian, WSGI": (f"{_GRANIAN} --interface wsgi", WSGI),
    "uWSGI": (_UWSGI, WSGI),
    "uWSGI --threads": (f"{_UWSGI} --threads 2", WSGI),
    "uWSGI --lazy-apps": (f"{_UWSGI} --processes 2 --lazy-apps", WSGI),
}
"""Commands and programs, by name: each is asked some times, and then stopped by SIGTERM."""

_CELERY = """
from celery import Celery
from celery.signals import worker_ready
from pathlib import Path
folders = {"data_folder_in": TOPIC, "data_folder_out": TOPIC, "control_folder": TOPIC}
Path(TOPIC).mkdir(exist_ok=True)
app = Celery("app", broker=f"BROKER_URL", broker_transport_options=folders)
app.conf.task_default_queue = f"{TOPIC}.tasks"
@app.task
def job(number):
    write(2)
    Path(TOPIC, f"{number}.done").touch()
@worker_ready.connect
def send(**_):
    for number in range(4):
        job.delay(number)
    threading.Thread(target=stop, daemon=True).start()
def stop():
    while len(list(Path(TOPIC).glob("*.done"))) < 4:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
"""
_CELERY_WORKER = "python -W ignore -m celery --quiet -A app worker --concurrency 2 -l error"
_PYTHON_DAEMON = """
from daemon import DaemonContext
with DaemonContext(stdout=sys.stdout, stderr=sys.stderr):
    write(5)
"""
_TWISTED = """
from twisted.application.service import Application, Service
from twisted.internet import reactor
class Writer(Service):
    def startService(self):
        reactor.callLater(0.1, self.work)
    def work(self):
        write(3)
        os.kill(os.getpid(), signal.SIGTERM)
    def stopService(self):
        write(2)
application = Application("writer")
Writer().setServiceParent(application)
"""
OTHER_SERVERS = {
    "uvicorn --limit-max-requests": (f"{_UVICORN} --limit-max-requests 3", ASGI),
    "celery, prefork": (_CELERY_WORKER, _CELERY.replace("BROKER_URL", "filesystem://")),
    "celery, threads": (
        _CELERY_WORKER + " --pool threads",
        _CELERY.replace("BROKER_URL", "filesystem://"),
    ),
    "python-daemon": ("python app.py", _PYTHON_DAEMON),
    "twistd": ("twistd --nodaemon --logfile /dev/null --pidfile= --python app.py", _TWISTED),
}
"""Commands and programs, by name: these stop themselves when their work is done."""
SLOW_SERVERS = {
    "celery over Kafka, prefork": (
        _CELERY_WORKER,
        _CELERY.replace("BROKER_URL", "confluentkafka://{BROKER}"),
    ),
}
"""Likewise; the client of this one takes 15 seconds to join its group and to leave it."""
