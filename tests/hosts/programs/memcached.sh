# SPDX-License-Identifier: MIT
# A server of four threads, eight clients at once, and an orderly end.
memcached -u "$(id -un)" -s "$PWD/socket" -t 4 & server=$!
until [ -S socket ]; do sleep 0.02; done
/usr/bin/python3 - <<'END'
import socket, threading
def talk(number):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("socket")
        file = s.makefile("rwb")
        for i in range(200):
            value = b"v" * (i * 7)
            file.write(b"set k%d.%d 0 0 %d\r\n%s\r\n" % (number, i, len(value), value))
            file.flush()
            assert file.readline() == b"STORED\r\n"
            file.write(b"get k%d.%d\r\n" % (number, i))
            file.flush()
            assert file.readline().startswith(b"VALUE") and file.readline() == value + b"\r\n"
            assert file.readline() == b"END\r\n"
threads = [threading.Thread(target=talk, args=(n,)) for n in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print("talked")
END
kill -TERM $server; wait $server; echo "status $?"; rm -f socket
