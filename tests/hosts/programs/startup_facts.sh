# SPDX-License-Identifier: MIT
# The program prints all that it can learn about itself at start.
"$APPS/startup_facts" one "two words" ""
