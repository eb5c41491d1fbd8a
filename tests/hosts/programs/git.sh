# SPDX-License-Identifier: MIT
# A generated repository: commits, merge, clone, log -p, gc, bundle, rebase.
# What holds times or inode numbers is removed at the end.
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
export GIT_CONFIG_GLOBAL=/dev/null
git init -q -b main one; cd one
for i in $(seq 12); do
    seq $i $((i * 40)) > file$((i % 4)); git add .; git commit -qm "change $i"
done
git checkout -qb side HEAD~3; seq 9 > other; git add .; git commit -qm side
git checkout -q main
git merge -q --no-edit side; cd ..; git clone -q one two; cd two
git log -p --stat | sha256sum; git log --oneline --graph | wc -l
git -c gc.pruneExpire=now gc -q; git fsck 2>/dev/null
git blame file1 | tail -2; git diff HEAD~5 --stat | tail -1; git grep -c 11; git stash list
git status --short
git fetch -q ../one; git bundle create -q ../b.bundle main
git bundle verify -q ../b.bundle && echo bundled
git rebase -q HEAD~2 2>&1 | wc -l; git archive HEAD | sha256sum; git show nothing
echo "status $?"
rm -rf ../one/.git/index .git/index ../one/.git/logs .git/logs
