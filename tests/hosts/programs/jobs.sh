# SPDX-License-Identifier: MIT
# What only bash has: coprocesses, process substitution, mapfile.
coproc cat; echo to the coprocess >&"${COPROC[1]}"; read -r -u "${COPROC[0]}" line; echo "$line"
exec {COPROC[1]}>&-; wait
cat <(echo process) <(echo substitution); seq 5 | tee >(cat >/dev/null) | wc -l
mapfile -t rows < <(seq 50); echo "${#rows[@]}"; false | true | false; echo "${PIPESTATUS[@]}"
for i in $(seq 20); do (exit $((i % 3))); echo -n "$? "; done; echo
set -o pipefail; seq 10 | grep 11 | cat; echo $?; type -t cd; ulimit -n; umask
