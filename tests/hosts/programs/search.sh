# SPDX-License-Identifier: MIT
# grep, find, xargs, sed, awk over a small tree.
mkdir -p tree/a/b tree/c; seq 20000 > tree/numbers; head -c 300000 /dev/zero > tree/a/zeros
for i in 1 2 3 4 5 6 7 8 9; do seq $i 500 > tree/a/b/$i.txt; done; ln -s ../numbers tree/c/link

grep -c 7 tree/numbers; grep -rn 499 tree | sort; grep -q nothing tree/numbers; echo $?
find tree -name '*.txt' -size -3k | sort; find tree -type f -exec wc -c {} + | sort -n | tail -1
find tree -type f -print0 | sort -z | xargs -0 -P2 -n3 cat | wc -l
find tree -name '*.txt' -exec grep -l 300 {} \; | sort
find tree -type l -delete; sed -n '100,105p' tree/numbers
awk '{s += $1} END {print s}' tree/numbers
