"""Ask ``/health`` at a fixed rate from a process of its own and print the delays as JSON.

    python -m bench.poller PORT SECONDS RATE

Each delay counts from the moment at which the request was due, so a stall of the server shows in
every request that it held up, not in one. How late the machine woke this process when it had
nothing to wait for but the clock is told apart: that part is no delay of the server's. So is the
time from sending to the answer: what a probe that asks rarely would see. SIGTERM ends it early.
"""

import http.client
import json
import signal
import sys
import time

__all__ = ["poll"]


def poll(port: int, seconds: float, rate: float) -> dict[str, list[float]]:
    """``delays``, ``wakeups`` and ``answers`` in seconds; blocks for ``seconds``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.connect()
    delays: list[float] = []
    wakeups: list[float] = []
    answers: list[float] = []
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    began = time.perf_counter()
    for n in range(int(seconds * rate)):
        if stopped:
            break
        due = began + n / rate
        pause = due - time.perf_counter()
        if pause > 0:
            time.sleep(pause)  # noqa: TID251 - this process does nothing but keep a rhythm
            wakeups.append(time.perf_counter() - due)
        sent = time.perf_counter()
        connection.request("GET", "/health")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"/health answered {answer.status}")
        now = time.perf_counter()
        delays.append(now - due)
        answers.append(now - sent)
    connection.close()
    return {"delays": delays, "wakeups": wakeups, "answers": answers}


if __name__ == "__main__":
    print(json.dumps(poll(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))))
