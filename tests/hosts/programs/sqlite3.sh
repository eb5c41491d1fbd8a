# SPDX-License-Identifier: MIT
# A database with a write-ahead log, a backup, a dump and an error.
sqlite3 data.db <<'S'
create table t (id integer primary key, name text); pragma journal_mode = wal;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
  insert into t select i, 'row ' || i from n;
create index by_name on t(name); select count(*), sum(id), max(name) from t; pragma integrity_check;
select name from t where name like 'row 199%' order by id desc limit 3;
delete from t where id % 2; vacuum;
.backup copy.db
.dump t
S
sqlite3 copy.db 'select count(*) from t; select * from nothing'; echo "status $?"
