# SPDX-License-Identifier: MIT
# tar with gzip and xz as children and by pipes; a damaged archive.
mkdir -p tree/a/b tree/c; seq 20000 > tree/numbers; head -c 300000 /dev/zero > tree/a/zeros
for i in 1 2 3 4 5 6 7 8 9; do seq $i 500 > tree/a/b/$i.txt; done; ln -s ../numbers tree/c/link

tar --sort=name --mtime=2020-01-01 --owner=0 --group=0 -cf all.tar tree; gzip -nk all.tar
xz -k -T2 all.tar
tar tzf all.tar.gz | wc -l; mkdir out; tar xJf all.tar.xz -C out
diff -r tree out/tree && echo same
tar czf piped.tgz tree; tar xzf piped.tgz --to-stdout tree/numbers | tail -1
gzip -t all.tar.gz && echo good
gzip -d < all.tar.gz | cmp - all.tar && xz -dc all.tar.xz | sha256sum; xz -l all.tar.xz | wc -l
rm piped.tgz
head -c 1000 all.tar.gz > cut.gz; gzip -t cut.gz; echo "cut $?"
