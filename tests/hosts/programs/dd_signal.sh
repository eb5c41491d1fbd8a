# SPDX-License-Identifier: MIT
# dd prints its statistics on SIGUSR1: the program's own handler wins.
mkfifo fifo; dd if=fifo of=/dev/null 2>messages & pid=$!
exec 3>fifo; until grep -q '^0 0x0 ' /proc/$pid/syscall 2>/dev/null; do :; done
kill -USR1 $pid; until grep -q records messages; do :; done
exec 3>&-; wait $pid; echo "status $?"; sed 's/,.*//' messages; rm messages fifo
