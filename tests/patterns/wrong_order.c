/* SPDX-License-Identifier: MIT */
/*
 * Given back in the wrong order: what something else depends on goes first. (Go: defers in the
 * order of their acquisition.)
 *
 *     wrong_order rollback     a connection before its transaction
 *     wrong_order directory    a directory before the file in it
 */
#include <ctxtrace.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct transaction {
    int connection;
};

static void roll_back(struct transaction *transaction)
{
    if (write(transaction->connection, "rollback", 8) == 8)
        ctx_give_back("transaction", transaction, CTX_ERROR);
    else
        ctx_give_back("transaction", transaction, CTX_ABANDONED);
}

__attribute__((noinline)) static void hang_up(int connection)
{
    close(connection);
}

static void rollback_after_close(void)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return;
    struct transaction transaction = {.connection = ends[0]};
    ctx_acquire("transaction", &transaction);
    ctx_depends("transaction", &transaction, CTX_FD, CTX_NUMBER(ends[0]));
#ifdef FIXED
    roll_back(&transaction);
    hang_up(ends[0]);
#else
    hang_up(ends[0]);
    ctx_give_back("transaction", &transaction, CTX_ERROR);
    if (0)
        roll_back(&transaction);
#endif
    close(ends[1]);
}

__attribute__((noinline)) static void remove_it(const char *kind, void *what)
{
    ctx_give_back(kind, what, CTX_OK);
}

static void directory_before_file(void)
{
    static int directory, file;

    ctx_acquire("temporary directory", &directory);
    ctx_acquire("temporary file", &file);
    ctx_depends("temporary file", &file, "temporary directory", &directory);
#ifdef FIXED
    remove_it("temporary file", &file);
    remove_it("temporary directory", &directory);
#else
    remove_it("temporary directory", &directory);
    remove_it("temporary file", &file);
#endif
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "rollback") == 0)
        rollback_after_close();
    else
        directory_before_file();
    return 0;
}
