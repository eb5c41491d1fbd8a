# SPDX-License-Identifier: MIT
# rsync between folders, zstd with threads.
mkdir -p from/a/b; for i in $(seq 30); do seq $((i * 100)) > from/a/b/f$i; done; ln -s b from/a/l
rsync -a from/ to; rsync -a --delete --checksum from/ to; diff -r from to && echo same
rm to/a/b/f3; echo more >> from/a/b/f4; rsync -a from/ to; ls to/a/b | wc -l; diff -r from to; echo "$?"
rsync -a nowhere/ to 2>/dev/null; echo "status $?"
cat from/a/b/* > big; for i in 1 2 3 4 5 6; do cat big big > bigger; mv bigger big; done
zstd -q -T2 -3 big -o big.zst; zstd -q -t big.zst; zstd -q -dc big.zst | cmp - big && echo same
zstd -q -d numbers.zst 2>/dev/null; echo "status $?"; rm -f big big.zst
