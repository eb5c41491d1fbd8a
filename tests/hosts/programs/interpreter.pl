# SPDX-License-Identifier: MIT
# perl: signals, fork, pipes, backticks, alarm, many small blocks.
use strict; use warnings; use Socket; use POSIX ":sys_wait_h";
$SIG{USR1} = sub { print "usr1\n" }; kill USR1 => $$;
pipe(my $r, my $w); my $pid = fork();
if (!$pid) { close $r; print $w "from the child\n"; exit 4 }
close $w; print <$r>; close $r; waitpid($pid, 0); print $? >> 8, "\n";
print `echo backticks`; system("exit 3"); print $? >> 8, "\n";
open(my $out, "|-", "sort") or die; print $out "$_\n" for 3, 1, 2; close $out;
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC); syswrite $a, "ping";
sysread $b, my $x, 4; print "$x\n";
$SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; select(undef, undef, undef, 20); }; print $@;
my %h = map { $_ => $_ ** 2 } 1 .. 20000; my $s = 0; $s += $_ for values %h; print "$s\n";
opendir(my $d, "/") or die; my @names = readdir $d; closedir $d;
print @names > 3 ? "listed\n" : "empty\n";
