# SPDX-License-Identifier: MIT
# Keys of three sorts, their public halves, signatures, and a file that is none.
for sort in ed25519 ecdsa rsa; do
    ssh-keygen -q -t $sort -N '' -C mine -f $sort && ssh-keygen -lf $sort | awk '{print $1, $3, $4}'
    ssh-keygen -yf $sort | cut -d' ' -f1,3
done
echo text > text; ssh-keygen -q -Y sign -f ed25519 -n file text 2>/dev/null
ssh-keygen -Y check-novalidate -n file -s text.sig < text | cut -d' ' -f1-4
ssh-keygen -lf text; echo "status $?"
rm -f ed25519* ecdsa* rsa* text.sig
