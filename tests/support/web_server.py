"""The web server in a thread of the tests, over a real socket; its workers are real processes."""

import socket
import threading
import time
from contextlib import contextmanager

import httpx

from jpegtrace.web.app import create_app
from jpegtrace.web.jobs import JobStore
from jpegtrace.web.pool import Pool
from jpegtrace.web.server import Server, address_of, listen
from jpegtrace.web.settings import Settings
from support import web_workers

PATIENCE = 60


class Client(httpx.Client):
    """What a program does with the API."""

    def upload(self, *pictures, maps=None, **options):
        """Post pictures given as bytes, or as (name, bytes)."""
        files = [("picture", p if isinstance(p, tuple) else ("picture.png", p)) for p in pictures]
        return self.post("/api/pictures", files=files, data={} if maps is None else {"maps": maps}, **options)

    def start(self, picture, **options):
        """Upload one picture; its job."""
        answer = self.upload(picture, **options)
        assert answer.status_code == 202, answer.text
        return answer.json()["pictures"][0]["job"]

    def job(self, job):
        """The job as it is now."""
        return self.get(f"/api/jobs/{job['id']}").json()

    def wait(self, job, until=("done", "failed"), seconds=PATIENCE):
        """The job as soon as it is in one of these states."""
        return eventually(lambda: self.job(job), lambda found: found["state"] in until, seconds)

    def examine(self, picture, **options):
        """Upload one picture and wait for its end."""
        return self.wait(self.start(picture, **options))


def eventually(look, good, seconds=PATIENCE):
    """What `look` gives as soon as it is good."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if good(found):
            return found
        assert time.monotonic() < end, f"after {seconds} seconds there is still {found}"
        time.sleep(0.05)


@contextmanager
def serving(settings=None, work=web_workers.quick, warm=web_workers.nothing, ready=True):
    """A server that runs; gives a client, the store and the pool."""
    settings = settings or Settings(workers=1)
    store = JobStore(settings)
    pool = Pool(store, settings, work, warm)
    begun = threading.Event()
    server = Server(create_app(settings, store, pool), begun.set)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert begun.wait(PATIENCE)
            with Client(base_url=address_of(listener), timeout=PATIENCE) as client:
                if ready:
                    eventually(lambda: pool.ready, lambda found: found == settings.workers)
                client.store, client.pool = store, pool
                yield client
        finally:
            server.should_exit = True
            thread.join()


def talk(client, *pieces, pause=0.0):
    """Send bytes as they are, and read whatever is answered until the connection is closed."""
    address = (client.base_url.host, client.base_url.port)
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                break
            time.sleep(pause)
        answer = b""
        while True:
            try:
                more = connection.recv(65536)
            except OSError:
                return answer
            if not more:
                return answer
            answer += more
