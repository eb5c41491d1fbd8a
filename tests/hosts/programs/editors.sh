# SPDX-License-Identifier: MIT
# vim and ed change a file by script.
export HOME=$PWD; seq 2000 > numbers
vim -u NONE -es -c 'g/7$/s//seven/' -c '%s/^1/one/' -c '1000,$d' -c 'wq' numbers; echo "vim $?"
vim -u NONE -es -c 'let x = map(range(1000), "v:val * 2")' -c 'call writefile(x, "doubled")' \
    -c 'r !seq 5' -c 'sort! n' -c 'w sorted' -c 'qa!' /dev/null; echo "vim $?"
sha256sum numbers doubled sorted
printf '%s\n' 'g/seven/d' '1,10p' '$=' w q | ed -s numbers; echo "ed $?"
vim -u NONE -es -c 'nothing at all' -c 'q'; echo "vim $?"
