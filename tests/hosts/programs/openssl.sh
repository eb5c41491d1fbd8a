# SPDX-License-Identifier: MIT
# Digests, ciphers, keys and certificates.
seq 1000 > text; openssl dgst -sha256 text
openssl enc -aes-256-cbc -pbkdf2 -nosalt -pass pass:x -in text -out secret
openssl enc -d -aes-256-cbc -pbkdf2 -nosalt -pass pass:x -in secret | cmp - text && echo same
openssl genrsa -out key.pem 2048 2>/dev/null
openssl req -x509 -new -key key.pem -subj /CN=host -days 10 -out cert.pem
openssl verify -CAfile cert.pem cert.pem; openssl dgst -sign key.pem -sha256 -out sig text
openssl x509 -in cert.pem -noout -subject; openssl rsa -in key.pem -check -noout
rm key.pem cert.pem sig
openssl rand -hex 16 | wc -c; openssl x509 -in text; echo "status $?"
