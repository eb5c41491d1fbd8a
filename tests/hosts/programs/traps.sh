# SPDX-License-Identifier: MIT
# Traps, pipelines, jobs that die of signals, subshells: what shell scripts are made of.
# Run by bash and by dash.
trap 'echo caught usr1' USR1; trap 'echo leaving' EXIT; trap 'echo caught int' INT
kill -USR1 $$; kill -INT $$
(trap 'echo child caught term' TERM; sh -c 'kill -TERM $PPID'; echo child goes on)
for i in 3 1 2; do echo $i; done | sort -r | while read -r x; do echo "got $x"; done
sh -c 'kill -TERM $$'; echo "status $?"
sh -c 'kill -SEGV $$' 2>/dev/null; echo "status $?"
sh -c 'exit 3'; echo "status $?"
exec 7</etc/passwd; read -r line <&7; exec 7<&-; echo "$line"
x=$(seq 1000 | tail -1); echo "$x"
nohup sh -c 'kill -HUP $$; echo survived the hangup' 2>/dev/null
(trap '' PIPE; seq 100000 2>/dev/null | head -1)
# Killed before its exec a child may still run the EXIT trap, also natively.
sleep 100 & until grep -q sleep /proc/$!/comm; do :; done; kill $!; wait $!; echo "waited $?"
trap - USR1; sh -c 'trap "echo inner" USR1; kill -USR1 $$; echo after'
