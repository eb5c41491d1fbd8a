# SPDX-License-Identifier: MIT
# A server with two windows in which commands run, seen from outside, and its end.
export TERM=screen HOME=$PWD TMUX_TMPDIR=$PWD
run() { tmux -L mine -f /dev/null "$@"; }
run new-session -d -s one -x 80 -y 24 'sh -c "echo first; exec cat"'
run new-window -t one 'sh -c "seq 30; exec cat"'
until run capture-pane -p -t one:1 > pane && grep -q '^30$' pane; do sleep 0.05; done
until run capture-pane -p -t one:0 > pane && grep -q first pane; do sleep 0.05; done
run send-keys -t one:0 hello Enter
until run capture-pane -p -t one:0 > pane && [ "$(< pane)" = $'first\nhello\nhello' ]; do sleep 0.05; done
run capture-pane -p -t one:0 | head -3; run list-windows -t one -F '#{window_index}'
run split-window -t one:1 'exec cat'; run list-panes -t one:1 | wc -l
run kill-server; echo "status $?"
run list-sessions >/dev/null 2>&1; echo "gone $?"
rm -rf tmux-* pane
