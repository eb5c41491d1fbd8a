# SPDX-License-Identifier: MIT
# A tour of coreutils, failures, full disks and scrubbed environments included.
mkdir -p tree/a/b tree/c; seq 20000 > tree/numbers; head -c 300000 /dev/zero > tree/a/zeros
for i in 1 2 3 4 5 6 7 8 9; do seq $i 500 > tree/a/b/$i.txt; done; ln -s ../numbers tree/c/link

sort -rn tree/numbers | head -3; uniq -c tree/numbers | tail -1; wc tree/numbers
cut -c1 tree/numbers | sort | uniq -c; ls -R tree; cp -a tree copy; diff -r tree copy && echo same
md5sum tree/a/b/*.txt
split -n 4 tree/numbers part.; cat part.* | cmp - tree/numbers && echo joined
seq 10 | tee out1 out2 | tac | paste -s -d, ; timeout 0.2 sleep 5; echo "timeout $?"
stdbuf -oL seq 3; env -i /bin/echo clean; env -i /usr/bin/env; factor 1234567890
stat -c '%a %F' tree/c/link
echo text | tr a-z A-Z; od -c tree/a/b/9.txt | head -2
shuf -i 1-100 --random-source=tree/numbers | head -3
chmod 600 tree/numbers; install -m 755 tree/numbers bin; rm -r copy; nice -n 5 true
sync tree/numbers
join <(seq 5) <(seq 3 8); comm -12 <(seq 5) <(seq 3 8); ls /nonexistent; echo "ls $?"
ls -l /proc/self/fd | wc -l
ls tree >/dev/full; echo "full $?"; yes | head -2; mktemp -u | wc -c
readlink -f tree/c/link | wc -l
