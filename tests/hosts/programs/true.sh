# SPDX-License-Identifier: MIT
# The smallest programs: silent, speaking, replaced.
/bin/true; /bin/echo; exec /bin/echo replaced
