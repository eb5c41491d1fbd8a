# SPDX-License-Identifier: MIT
"""python3: KeyboardInterrupt, alarms, thread and process pools, children, temp files."""

import concurrent.futures
import multiprocessing
import os
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time

# CPython installs KeyboardInterrupt only if it reads SIG_DFL at start.
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
print(signal.getsignal(signal.SIGUSR1))
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
except KeyboardInterrupt:
    print("KeyboardInterrupt")
signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.1)
time.sleep(0.3)

with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(lambda n: n * n, range(2000))))
thread = threading.Thread(target=lambda: print("thread", threading.active_count()))
thread.start()
thread.join()

print(subprocess.run(["sh", "-c", "echo out; exit 5"], capture_output=True, check=False))
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(abs, range(-5, 5)))
child = os.fork()
if not child:
    os._exit(6)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), len(os.listdir("/proc/self/fd")))
try:
    print(os.waitpid(-1, 0))
except ChildProcessError:
    print("no child left")

one, other = socket.socketpair()
one.send(b"x")
print(other.recv(1))
one.close()
other.close()
with tempfile.TemporaryFile() as file, tempfile.TemporaryDirectory() as folder:
    file.write(b"y")
    print(os.listdir(folder), file.fileno())
database = sqlite3.connect(":memory:")
print(database.execute("select 6 * 7").fetchone())
database.close()
