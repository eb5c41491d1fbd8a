# SPDX-License-Identifier: MIT
# A virtual machine, which makes threads and code of its own.
java -Xshare:auto -version 2>&1 | wc -l
java -nothing 2>/dev/null; echo "status $?"
