# SPDX-License-Identifier: MIT
# A cluster is made, started, loaded by clients and stopped. It refuses to run as root: as
# another number in a name space of its own, where files of root's stay readable.
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
if [ -z "$bin" ]; then echo 'postgresql is not installed'; exit 77; fi
if [ "$(id -u)" = 0 ] && [ -z "$AGAIN" ]; then
    if ! LD_PRELOAD='' unshare -U true; then echo 'no name space of users can be made'; exit 77; fi
    AGAIN=1 exec unshare -U /bin/bash "$0"
fi
export PGHOST=$PWD PGUSER=me PGDATABASE=postgres LC_ALL=C
"$bin/initdb" -D data -U me -A trust --no-sync > log 2>&1; echo "made $?"
"$bin/pg_ctl" -D data -l server.log -w -o "-c listen_addresses= -c unix_socket_directories=$PWD -c fsync=off" start > log 2>&1; echo "started $?"
"$bin/pgbench" -q -i -s 1 > log 2>&1; echo "filled $?"
"$bin/pgbench" -n -c 4 -j 2 -t 60 2>/dev/null | grep 'actually processed'
"$bin/psql" -At -c 'select count(*), sum(abalance) is not null from pgbench_accounts' \
    -c 'create table t as select generate_series(1, 5000) n' -c 'select sum(n) from t'
"$bin/psql" -At -c 'select nothing' 2>/dev/null; echo "status $?"
read -r server < data/postmaster.pid
"$bin/pg_ctl" -D data -w -m fast stop > log 2>&1; echo "stopped $?"
# Its pid file goes before it does, and what it leaves behind is looked at when it has ended.
# No sleep: how many were started would differ from run to run.
while read -r _ _ state _ 2>/dev/null < "/proc/$server/stat" && [ "$state" != Z ]; do
    [ "$SECONDS" -lt 60 ] || break
done 2>/dev/null
rm -rf data log server.log
