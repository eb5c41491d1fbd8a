# SPDX-License-Identifier: MIT
# lua, tcl and php: strings, tables, files, processes, and an error each.
lua5.4 - <<'END'
local t = {} for i = 1, 20000 do t[i] = ("x"):rep(i % 50) end
print(#table.concat(t), collectgarbage("count") > 0)
local p = io.popen("echo child") print(p:read("a")) p:close()
local c = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) print(c(), c(), c())
local f = io.open("lua.txt", "w") f:write("text") f:close() print(pcall(error, "bad"))
END
tclsh <<'END'
for {set i 0} {$i < 5000} {incr i} {dict set d $i [string repeat x [expr {$i % 40}]]}
puts [string length [dict values $d]]; puts [exec echo child]
set f [open tcl.txt w]; puts $f text; close $f; puts [file size tcl.txt]
puts [catch {open /nowhere} why]; after 10 {set done 1}; vwait done; puts [lsort {b a c}]
END
php -n <<'END'
<?php
$a = range(1, 20000); echo array_sum($a), "\n", strlen(serialize($a)), "\n", shell_exec("echo child");
file_put_contents("php.txt", str_repeat("y", 5000)); echo filesize("php.txt"), "\n";
try { intdiv(1, 0); } catch (DivisionByZeroError $e) { echo get_class($e), "\n"; }
$p = proc_open(["cat"], [["pipe", "r"], ["pipe", "w"]], $pipes); fwrite($pipes[0], "piped\n");
fclose($pipes[0]); echo stream_get_contents($pipes[1]); fclose($pipes[1]); echo proc_close($p), "\n";
END
echo "status $?"
