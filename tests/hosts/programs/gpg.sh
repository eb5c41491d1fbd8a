# SPDX-License-Identifier: MIT
# A key, a signature, an encryption to oneself; the agent that gpg starts is ended.
export GNUPGHOME=$PWD/home; mkdir -m 700 home; echo text > text
gpg --version | head -1
gpg --batch --quiet --passphrase '' --quick-gen-key me@here ed25519 sign 2>/dev/null; echo "key $?"
gpg --batch --quiet --passphrase '' --pinentry-mode loopback --sign text; echo "signed $?"
gpg --quiet --verify text.gpg 2>/dev/null; echo "verified $?"
gpg --quiet --output - text.gpg 2>/dev/null
gpg --batch --quiet --passphrase x --pinentry-mode loopback -o secret -c text; echo "secret $?"
gpg --batch --quiet --passphrase x --pinentry-mode loopback -d secret
gpg --quiet --verify text 2>/dev/null; echo "none $?"
gpgconf --kill all; rm -rf home text.gpg secret
