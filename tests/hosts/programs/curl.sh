# SPDX-License-Identifier: MIT
# Transfers from the fixture with keep-alive and in parallel, and failing ones.
url=http://127.0.0.1:$FIXTURE_PORT
for i in 1 2 3; do curl -sS $url/small; done; curl -sS $url/big | sha256sum
curl -sS $url/small $url/small $url/big -o a -o b -o c; sha256sum a b c
curl -sS --no-progress-meter --parallel --parallel-max 8 \
    $(for i in $(seq 20); do echo "$url/big?$i -o p$i"; done)
sha256sum p* | sort -u -k1,1 | wc -l
curl -sS -d @c $url/post; curl -sS -f $url/missing; echo "status $?"
curl -sS http://127.0.0.1:1/; echo "refused $?"
