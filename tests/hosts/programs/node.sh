# SPDX-License-Identifier: MIT
# The program in threads.js, and the ways in which node ends with a failure.
node "$PROGRAMS/threads.js"; echo "status $?"
node -e 'process.exit(9)'; echo "status $?"
node -e 'throw new TypeError("thrown")' 2>&1 | grep -c thrown
