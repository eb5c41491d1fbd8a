# SPDX-License-Identifier: MIT
# Transfers from the fixture, one that fails, one that is continued, and a mirror.
url=http://127.0.0.1:$FIXTURE_PORT
wget -q -O- $url/small; wget -q -O big $url/big; sha256sum big
head -c 1000 big > part; wget -q -c -O part $url/big; echo "status $?"
wget -q $url/missing; echo "status $?"; wget -q -i - -P many <<END
$url/small
$url/big
END
ls many; wget -q --post-data=x=1 -O- $url/post; wget -q -t 1 http://127.0.0.1:1/; echo "refused $?"
