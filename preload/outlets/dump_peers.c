/* SPDX-License-Identifier: MIT */
/*
 * Whom a socket is connected to. The reporter has no descriptor to ask
 * getpeername of, but /proc/net/tcp tells it by inode: read once, at the first
 * socket of a dump, into a table that is unmapped after it.
 */
#include <fcntl.h>
#include <string.h>

#include "preload/ground/sys.h"
#include "preload/outlets/dump_holdings.h"

#define PEERS_MAX  (1u << 16) /* slots; half of them are used at most */
#define LINE_BYTES 256u

struct peer {
    uint64_t inode; /* 0: a free slot */
    uint32_t address[4];
    uint16_t port;
    bool six;
};

static struct peer *peers;
static uint32_t peers_used;
static bool peers_read;

static struct peer *peer_slot(uint64_t inode)
{
    uint32_t i = (uint32_t)inode * 2654435761u & (PEERS_MAX - 1);
    while (peers[i].inode && peers[i].inode != inode)
        i = (i + 1) & (PEERS_MAX - 1);
    return &peers[i];
}

static const char *skip_word(const char *at)
{
    while (*at && *at != ' ')
        at++;
    while (*at == ' ')
        at++;
    return at;
}

/* "ADDRESS:PORT", the address in 32-bit words of the machine's own order. */
static void address_parse(const char *at, struct peer *peer)
{
    uint32_t words = 0;
    for (; words < 4 && *at && *at != ':'; words++) {
        char word[9];
        memcpy(word, at, 8);
        word[8] = '\0';
        const char *digits = word;
        peer->address[words] = (uint32_t)text_read_hex(&digits);
        at += 8;
    }
    peer->six = words == 4;
    if (*at == ':') {
        at++;
        peer->port = (uint16_t)text_read_hex(&at);
    }
}

/* "  sl local remote st tx:rx tr:when retrnsmt uid timeout inode ..." */
static void line_parse(const char *line)
{
    enum { REMOTE = 2, INODE = 9 };
    struct peer peer = {0};
    const char *at = line;
    while (*at == ' ')
        at++;
    if (*at < '0' || *at > '9')
        return; /* the headline */
    for (int word = 0; *at; at = skip_word(at), word++) {
        if (word == REMOTE)
            address_parse(at, &peer);
        if (word == INODE) {
            peer.inode = text_read_u64(&at);
            break;
        }
    }
    if (!peer.inode || !peer.port || peers_used >= PEERS_MAX / 2)
        return;
    peers_used++;
    *peer_slot(peer.inode) = peer;
}

static void table_read(const char *path)
{
    char chunk[2048], line[LINE_BYTES];
    size_t used = 0;
    int fd = sys_open(path, O_RDONLY, 0);
    if (fd < 0)
        return;
    ssize_t n;
    while ((n = sys_read(fd, chunk, sizeof chunk)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (chunk[i] != '\n') {
                if (used + 1 < sizeof line)
                    line[used++] = chunk[i];
                continue;
            }
            line[used] = '\0';
            line_parse(line);
            used = 0;
        }
    }
    sys_close(fd);
}

void dump_peers_begin(void)
{
    peers = NULL;
    peers_used = 0;
    peers_read = false;
}

void dump_peers_end(void)
{
    if (peers)
        sys_unmap(peers, PEERS_MAX * sizeof *peers);
    peers = NULL;
}

static void peer_text(const struct peer *peer, struct text *text)
{
    if (peer->six) {
        text_add(text, "[");
        for (int i = 0; i < 8; i++) {
            const uint8_t *pair = (const uint8_t *)peer->address + 2 * i;
            text_add(text, i ? ":" : "");
            text_add_hex(text, (uint64_t)pair[0] << 8 | pair[1]);
        }
        text_add(text, "]");
    } else {
        const uint8_t *bytes = (const uint8_t *)peer->address;
        for (int i = 0; i < 4; i++) {
            text_add(text, i ? "." : "");
            text_add_u64(text, bytes[i]);
        }
    }
    text_add(text, ":");
    text_add_u64(text, peer->port);
}

void dump_peers(struct dump *dump, const char *link, struct ctt_holding *record)
{
    static const char prefix[] = "socket:[";
    if (strncmp(link, prefix, sizeof prefix - 1) != 0)
        return;
    if (!peers_read) {
        peers_read = true;
        peers = sys_map(PEERS_MAX * sizeof *peers);
        if (!peers)
            return;
        table_read("/proc/thread-self/net/tcp");
        table_read("/proc/thread-self/net/tcp6");
    }
    const char *digits = link + sizeof prefix - 1;
    const struct peer *peer = peers ? peer_slot(text_read_u64(&digits)) : NULL;
    if (!peer || !peer->inode)
        return;
    char buffer[64];
    struct text text = TEXT_OF(buffer);
    peer_text(peer, &text);
    record->peer = dump_string(dump, buffer);
}
